"""What a training knows of its validation reviews: where they are from, and how much they say about new ones."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from runner import reproduce, resume, train_model

from sentibp.config.load import load_config
from sentibp.config.schema import Config
from sentibp.config.text_defaults import LONG, for_short_texts
from sentibp.data import dataset
from sentibp.data.corpus import Corpus, independent_weights
from sentibp.data.lexicon import load_lexicon
from sentibp.data.readers.table import MissingColumn
from sentibp.errors import DataError
from sentibp.inspection.evaluate import evaluate_on
from sentibp.model.calibration import USUAL_PRIOR, CalibrationPrior
from sentibp.model.file import load_model
from sentibp.model.word_vectors import load_builtin
from sentibp.training import similar_reviews, suited_defaults
from sentibp.training.cross_validation import Trial, expected_calibration, try_starts
from sentibp.training.events import Epoch
from sentibp.training.inputs import load_inputs
from sentibp.training.paths import resolve_paths
from sentibp.training.prepare import prepare, prepare_inputs
from sentibp.training.validation_notes import few_notes
from sentibp.utils.arrow import strings

SMALL = {"model": {"embedding": {"dim": 4}, "hidden": []}, "train": {"epochs": 1}, "text": {"ngrams": 1}}


def write(path: str, header: str, rows: list[str]) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("\n".join([header, *rows, ""]))


def reviews(count: int, what: str, column: str = "") -> list[str]:
    """Return rows of reviews; `column` is the format of a third column from the number of the row."""
    return [
        f"{what} {i} is {['bad', 'good'][i % 2]},{i % 2}" + (f",{column.format(i // 4)}" if column else "")
        for i in range(count)
    ]


def test_a_validation_file_is_below_the_config_and_known_everywhere(write_config, here, complaint, monkeypatch):
    write("cfg/train.csv", "text,label", reviews(40, "film"))
    write("cfg/dev.csv", "text,label", reviews(30, "book"))
    write("dev.csv", "text,label", reviews(20, "song"))
    resolved = write_config("cfg/c.yaml", data={"source": "train.csv", "validation": "dev.csv"}, **SMALL)
    outcome = train_model(resolved)
    assert outcome.scores["n"] == 30
    assert outcome.notes[0].startswith("dev.csv: taken from the folder of the config")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert evaluate_on(load_model(here / outcome.model)).scores["n"] == 30
    write(str(here / "cfg/dev.csv"), "text,label", reviews(30, "opera"))
    assert "the validation data have changed" in complaint(DataError, evaluate_on, load_model(here / outcome.model))


@pytest.mark.parametrize(
    ("training", "validation"),
    [(("text,label", "comment,stars")), (("comment,stars", "text,label"))],
)
def test_two_files_with_other_columns_are_told_apart(write_config, complaint, training, validation):
    write("a.csv", training, reviews(40, "film"))
    write("b.csv", validation, reviews(40, "book"))
    resolved = write_config(data={"source": "a.csv", "validation": "b.csv"})
    wrong, right = ("a.csv", "b.csv") if training != "text,label" else ("b.csv", "a.csv")
    assert complaint(MissingColumn, dataset.load_data, resolved.config) == (
        f"{wrong}:1: no 'text' and no 'label', which {right} has; its columns are comment, stars; give both files the "
        "same columns, or leave one out with --set data.validation=0.1"
    )
    resolved = write_config(data={"source": ["a.csv", "b.csv"], "validation": 0.2})
    repair = f"leave one out with --set data.source={right}"
    assert complaint(MissingColumn, dataset.load_data, resolved.config).endswith(repair)


def test_a_validation_file_may_lack_weights_and_groups(write_config):
    write("train.csv", "text,label,film", reviews(40, "film", "f{}"))
    write("dev.csv", "text,label", reviews(40, "book"))
    data = {"source": "train.csv", "validation": "dev.csv", "weight_column": "film", "group_column": "film"}
    resolved = write_config(data=data | {"weight_column": None})
    _, validation = dataset.load_data(resolved.config)
    assert validation.notes == (
        "dev.csv:1: no groups in a column 'film', which the training has; its reviews may be of groups in the training "
        "data",
    )
    write("train.csv", "text,label,film", reviews(40, "film", "{}.5"))
    _, validation = dataset.load_data(write_config(data=data).config)
    assert validation.weight is None
    assert [note.split(";")[1] for note in validation.notes] == [
        " every review counts the same",
        " its reviews may be of groups in the training data",
    ]


def test_a_validation_file_with_one_class(write_config, complaint):
    write("train.csv", "text,label,w", reviews(40, "film", "1"))
    write("dev.csv", "text,label,w", [f"book {i},{i % 2},{i % 2}" for i in range(10)])
    data = {"source": "train.csv", "validation": "dev.csv", "weight_column": "w"}
    assert complaint(DataError, dataset.load_data, write_config(data=data).config) == (
        "data.validation: dev.csv: all 5 labels are positive; scores need both; --set data.validation=0.1 holds out "
        "training reviews (dev.csv: 5 reviews left out: weight 0)"
    )


def test_a_validation_file_without_some_of_many_classes(write_config, complaint):
    topics = "abcdefghi"
    write("train.csv", "text,label", [f"film {i} is {i % 9},{topics[i % 9]}" for i in range(90)])
    write("dev.csv", "text,label", [f"book {i},{topics[i % 2]}" for i in range(10)])
    data = {"source": "train.csv", "validation": "dev.csv", "labels": [*topics], "ordered": False}
    notes = prepare(write_config(data=data, **SMALL)).notes
    told = "no review is c and no d and no e and no f and no g and of 2 more classes"
    assert f"data.validation: dev.csv: {told}; the scores say nothing about these classes" in notes
    write("dev.csv", "text,label", ["book,a"])
    assert complaint(DataError, dataset.load_data, write_config(data=data).config).startswith(
        "data.validation: dev.csv: no review is b and no c and no d"
    )


def test_groups_in_both_files_are_counted(write_config):
    write("train.csv", "text,label,film", reviews(200, "film", "{}"))
    write("dev.csv", "text,label,film", [f"book {i} is fine,{i % 2},{40 + i // 4}.0" for i in range(80)])
    data = {"source": "train.csv", "validation": "dev.csv", "group_column": "film"}
    notes = prepare(write_config(data=data, **SMALL)).notes
    expected = "40 of 80 validation reviews are of groups (data.group_column) that have training"
    assert [note for note in notes if note.startswith(expected)]


@pytest.mark.parametrize(
    ("first", "second"), [("Film A", "film a "), ("12", "12.0"), ("007", "007"), ("1234567890123456789",) * 2]
)
def test_spellings_of_a_group(write_config, first, second):
    write("x.csv", "text,label,g", [f"a,0,{first}", f"b,1,{second}", "c,1,1234567890123456788", "d,0,NaN", "e,1,"])
    corpus, _ = dataset.load_data(write_config(data={"source": "x.csv", "group_column": "g", "validation": 0}).config)
    assert corpus.group[0] == corpus.group[1]
    assert len(np.unique(corpus.group)) == 4


FILMS = {"data": {"source": "films.csv", "group_column": "film", "validation": 0}}


def films(again: str) -> list[str]:
    """Return 40 reviews of ten films. Each names its film, and all reviews of the film `again` say `yes`."""
    films = [i // 4 for i in range(40)]
    return [
        f"film{film} is {'yes ' * (str(film) == again)}{['bad', 'good'][i % 2]},{i % 2},{film}"
        for i, film in enumerate(films)
    ]


def test_words_of_few_groups_are_no_features(write_config, complaint):
    write("films.csv", "text,label,film", films("3"))
    text = {"ngrams": 1, "affixes": False}
    known = lambda **more: set(prepare(write_config(**FILMS, text=text | more)).vocabulary.words.to_pylist())  # noqa: E731
    assert known() == {"is", "good", "bad", "yes", *(f"film{i}" for i in range(10))}
    assert known(min_groups=2) == {"is", "good", "bad"}
    assert "no word occurs in 11 groups in the 40 training reviews; give" in complaint(DataError, known, min_groups=11)


def test_the_cache_knows_the_groups(write_config):
    text = {"ngrams": 1, "affixes": False, "min_groups": 2}
    found = []
    for column in ("{}", "0"):
        write(
            "films.csv",
            "text,label,film",
            [f"a film good,1,{column.format(i // 4)}" for i in range(20)] + ["bad film,0,x"],
        )
        data = prepare(write_config(**FILMS, text=text))
        found.append((data.vocabulary.words.to_pylist(), data.facts["groups"]["fingerprint"]))
    assert found[0][0] == ["film", "a", "good"]
    assert found[1][0] == ["film"]
    assert found[0][1] != found[1][1]


def test_a_training_by_groups_is_resumed_on_the_same_groups(write_config, complaint):
    write("films.csv", "text,label,film", films("3"))
    resolved = write_config(**FILMS, text={"min_groups": 2}, train={"epochs": 2})

    def stop(event):
        if isinstance(event, Epoch):
            raise KeyboardInterrupt

    train_model(resolved, Path("run"), watch=stop)
    write("films.csv", "text,label,film", [f"{row.rpartition(',')[0]},{i // 5}" for i, row in enumerate(films("3"))])
    message = complaint(DataError, resume, Path("run"), load_config("run/config.yaml"))
    assert "the data have changed since it was trained: other groups in the column of data.group_column" in message


def test_near_duplicates_name_the_columns_that_may_keep_them_together(write_config):
    rng = np.random.default_rng(0)
    rows = []
    for number in range(40):
        words = [f"w{rng.integers(10**6)}" for _ in range(16)]
        rows += [f"{' '.join(words[k : k + 12])},{number % 2},{number},x{4 * number + k}" for k in range(4)]
    write("phrases.csv", "text,label,SentenceId,PhraseId", rows)
    write("without.csv", "text,label", [row.rsplit(",", 2)[0] for row in rows])
    data = prepare(write_config(data={"source": "phrases.csv"}, **SMALL))
    told = [note for note in data.notes if "nearly" in note]
    assert told[0].endswith("name it with --set data.group_column=NAME, one of: SentenceId")
    assert data.config.data.group_similar is True and told[0] not in data.caveats
    assert 1 < data.independent.sum() < len(data.validation) / 2, "the phrases of a sentence count as one review"
    apart = prepare(write_config(data={"source": "without.csv", "group_similar": False}, **SMALL))
    told = [note for note in apart.notes if "nearly" in note]
    assert told[0].endswith("nearly the same with --set data.group_similar=null") and told[0] in apart.caveats
    assert 8 < int(told[0].split()[0]) == np.count_nonzero(apart.independent == 0), "they do not calibrate"


def windows(path: str, number: int, seed: int = 0) -> None:
    """Write a file with `number` sentences of 16 words, as their sequences of 13 words, four of each."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(number):
        words = [f"w{rng.integers(10**6)}" for _ in range(16)]
        rows += [f"{' '.join(words[start : start + 13])},{k % 2}" for start in range(4)]
    write(path, "text,label", rows)


def test_similar_reviews_are_held_out_together(write_config):
    """Without a word of it in the config. The cut is that of the setting which the run keeps."""
    windows("phrases.csv", 100)
    data = prepare(write_config(data={"source": "phrases.csv"}, **SMALL))
    near = [note for note in data.notes if "nearly the same" in note]
    assert len(near) == 1 and near[0].endswith("are held out together (data.group_similar)")
    assert not data.has_learned_validation
    again = prepare(write_config(data={"source": "phrases.csv", "group_similar": True}, **SMALL))
    assert not any("nearly" in note for note in again.notes)
    assert data.facts == again.facts and data.config == again.config
    assert np.array_equal(data.independent, again.independent)
    assert 5 < again.independent.sum() < len(again.validation) / 3, "the phrases of a sentence count as one review"
    apart = prepare(write_config(data={"source": "phrases.csv", "group_similar": False}, **SMALL))
    assert apart.facts != data.facts and apart.has_learned_validation
    rerun = prepare(write_config(data={"source": "phrases.csv"}, **SMALL), rerun=Path("run"))
    assert rerun.facts == apart.facts, "a run whose config does not name it was cut without a look at this"


@pytest.mark.parametrize(("kind", "text"), [("capitals", {"lowercase": False}), ("numbers", {"classes": ["number"]})])
def test_how_words_are_read_does_not_change_the_cut(write_config, kind, text):
    """Else the trials of a sweep would be scored on different reviews."""
    rng = np.random.default_rng(0)
    rows = []
    for k in range(60):
        words = ["".join(rng.choice([*"abcdefgh"], 6)) for _ in range(16)]
        for end in "xyz":
            if kind == "capitals":
                copy = [word.upper() if rng.random() < 0.5 else word for word in words] + [end]
            else:
                copy = [f"{word} {rng.integers(10**6)}" for word in words]
            rows.append(f"{' '.join(copy)},{k % 2}")
    write("copies.csv", "text,label", rows)
    plain = prepare(write_config(data={"source": "copies.csv"}, **SMALL))
    assert plain.config.data.group_similar is (True if kind == "capitals" else None)
    other = prepare(write_config(data={"source": "copies.csv"}, **{**SMALL, "text": SMALL["text"] | text}))
    assert other.config.data.group_similar == plain.config.data.group_similar
    assert other.facts["validation"] == plain.facts["validation"]


WHY_APART = {
    "templates": r"does not help, as \d+ of \d+ would still be nearly the same as a training review, as where reviews "
    "are made from a template",
    "few large groups": r"would take 25% of all, as their groups are large",
}


@pytest.mark.parametrize("what", WHY_APART)
def test_a_cut_that_does_not_help_is_not_kept(write_config, what):
    """In templates a text resembles several of other groups; of a few large groups too many reviews are held out."""
    rng = np.random.default_rng(0)
    if what == "templates":
        words = [f"w{i}" for i in range(12)]
        places = [rng.choice(12, 3, replace=False) for _ in range(300)]
        texts = [" ".join(f"{w}{rng.integers(3)}" if i in at else w for i, w in enumerate(words)) for at in places]
    else:
        texts = [" ".join(f"g{n // 5}w{i}" for i in range(9)) + f" x{n}" for n in range(20)]
    rows = [f"{text},{n % 2},{n // 4}" for n, text in enumerate(texts)]
    write("x.csv", "text,label", [row.rpartition(",")[0] for row in rows])
    write("with.csv", "text,label,film", rows)
    by_column = "which reviews belong together .*, name it with --set data.group_column=NAME, one of: film"
    other = "validate on other reviews with --set data.validation=FILE"
    for file, repair in [("x.csv", other), ("with.csv", f"if a column says {by_column}")][: 1 + (what == "templates")]:
        data = prepare(write_config(data={"source": file}, **SMALL))
        assert data.config.data.group_similar is None
        (note,) = (note for note in data.notes if "nearly the same" in note)
        assert re.search(f"; to hold such reviews out together {WHY_APART[what]}; {repair}$", note), note


def test_reviews_that_are_all_similar_are_cut_as_before(write_config):
    words = [f"w{k}" for k in range(40)]
    write("copies.csv", "text,label", [f"{' '.join(words)} {k},{k % 2}" for k in range(30)])
    data = prepare(write_config(data={"source": "copies.csv"}, **SMALL))
    assert data.config.data.group_similar is None and len(data.validation) == 4
    assert any("to hold such reviews out together, there are too few groups of them; " in note for note in data.notes)
    resolved = write_config(data={"source": "copies.csv", "group_similar": True}, **SMALL)
    with pytest.raises(DataError, match=r"data.group_similar: with 1 group, .*group_similar=false, or"):
        prepare(resolved)


def test_few_near_duplicates_leave_the_cut_as_it_is(write_config):
    rng = np.random.default_rng(0)
    windows("phrases.csv", 3)
    phrases = Path("phrases.csv").read_text().splitlines()[1:]
    others = [f"{' '.join(f'w{rng.integers(10**6)}' for _ in range(12))},{k % 2}" for k in range(300)]
    write("few.csv", "text,label", [*phrases, *others])
    data = prepare(write_config(data={"source": "few.csv", "validation": 0.3}, **SMALL))
    assert 0 < np.count_nonzero(data.independent == 0) < 0.05 * len(data.validation), "else this test shows nothing"
    assert data.config.data.group_similar is None
    assert not any("nearly" in note for note in data.notes)


def test_groups_of_similar_reviews_may_be_a_little_more_than_the_share(write_config):
    windows("phrases.csv", 100)
    data = prepare(write_config(data={"source": "phrases.csv", "validation": 0.137}, **SMALL))
    assert data.config.data.group_similar is True
    assert len(data.validation) == 56 > 0.137 * 400


def test_reviews_that_occur_twice_are_no_near_duplicates(write_config):
    """A note of their own says that they are in the training data."""
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{rng.integers(10**6)}" for _ in range(12)) for _ in range(60)]
    write("twice.csv", "text,label", [f"{text},{k % 2}" for k, text in enumerate(texts * 2)])
    data = prepare(write_config(data={"source": "twice.csv"}, **SMALL))
    assert data.config.data.group_similar is None
    (note,) = (note for note in data.notes if "training data" in note or "nearly" in note)
    assert note.endswith(" of 12 validation reviews also occur in the training data")


def test_similar_texts_are_not_sought_in_large_data(write_config, monkeypatch):
    """It would take long. The note on near-duplicates says what would hold them out together."""
    monkeypatch.setattr(similar_reviews, "_LARGE", 1000)
    windows("phrases.csv", 100)
    data = prepare(write_config(data={"source": "phrases.csv"}, **SMALL))
    assert data.config.data.group_similar is None and data.has_learned_validation
    (note,) = (note for note in data.notes if "nearly the same" in note)
    assert "data.group_similar=true" in note and note in data.caveats


@pytest.mark.parametrize("given", [{"validation": "dev.csv"}, {"block_size": 4}, {"group_column": "film"}])
def test_a_cut_that_the_config_describes_stays(write_config, given):
    windows("phrases.csv", 60)
    rows = Path("phrases.csv").read_text().splitlines()[1:]
    write("phrases.csv", "text,label,film", [f"{row},{number}" for number, row in enumerate(rows)])
    windows("dev.csv", 20, seed=1)
    data = prepare(write_config(data={"source": "phrases.csv", **given}, **SMALL))
    assert data.config.data.group_similar is None
    assert not any("to hold such reviews out together" in note for note in data.notes), "which nobody has tried"


def test_the_training_reviews_of_the_model_of_init_from_count(write_config):
    write("first.csv", "text,label", reviews(100, "film"))
    write("second.csv", "text,label", reviews(50, "film") + reviews(50, "book"))
    origin = train_model(write_config(data={"source": "first.csv"}, **SMALL))
    assert origin.refit is not None
    model = SMALL["model"] | {"init_from": str(origin.model)}
    resolved = write_config(data={"source": "second.csv", "validation": 0.2}, **(SMALL | {"model": model}))
    data = prepare(resolved)
    known = sum(note.endswith("which the training starts from: expect lower scores") for note in data.notes)
    assert known == 1, data.notes
    assert 0 < np.count_nonzero(data.independent == 0) < 20
    outcome = train_model(resolved)
    assert evaluate_on(load_model(outcome.model), "first.csv").scores["in_training"] == 100
    shutil.copy(origin.model, "alone.safetensors")
    model["init_from"] = "alone.safetensors"
    notes = prepare(write_config(data={"source": "second.csv"}, **(SMALL | {"model": model}))).notes
    assert "alone.safetensors: no run directory says on which reviews it was trained" in notes


def grouped(label: list[int], group: list[int], names: tuple[str, ...] = ("negative", "positive")) -> Corpus:
    text = pa.chunked_array([strings([f"text {i}" for i in range(len(label))])])
    return Corpus(text, np.array(label, np.int8), group=np.array(group, np.int64), names=names)


def test_reviews_of_a_group_are_less_evidence_the_more_their_labels_agree():
    group = [i // 10 for i in range(200)]
    same = independent_weights(grouped([i // 10 % 2 for i in range(200)], group), np.zeros(0, np.int64)).sum()
    assert same == pytest.approx(20), "ten phrases of a sentence are one"
    mixed = independent_weights(grouped([i % 2 for i in range(200)], group), np.zeros(0, np.int64)).sum()
    assert mixed == pytest.approx(200), "reviews of a film that please some and not others are all evidence"
    assert independent_weights(grouped([0, 1] * 10, [1] * 20), np.zeros(0, np.int64)).sum() == pytest.approx(1)
    alone = independent_weights(grouped([0, 1] * 10, list(range(20))), np.zeros(0, np.int64)).sum()
    assert alone == pytest.approx(20)


def test_the_evidence_of_groups_by_hand():
    """Groups of 4, 2 and 3 reviews with the means 3/4, 0 and 1/3; the mean of all is 4/9. The variances are ANOVA's."""
    label, group = [1, 1, 1, 0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 1, 1, 2, 2, 2]
    between = (4 * (3 / 4 - 4 / 9) ** 2 + 2 * (4 / 9) ** 2 + 3 * (1 / 3 - 4 / 9) ** 2) / (3 - 1)
    within = (4 * 3 / 16 + 3 * 2 / 9) / (9 - 3)
    usual = (9 - (16 + 4 + 9) / 9) / (3 - 1)
    correlation = (between - within) / (between + (usual - 1) * within)
    worth = 9 / (1 + ((16 + 4 + 9) / 9 - 1) * correlation)
    assert independent_weights(grouped(label, group), np.zeros(0, np.int64)).sum() == pytest.approx(worth)
    with_seen = independent_weights(grouped([*label, 1, 1], [*group, 1, 3]), np.array([9, 10]))
    assert with_seen.sum() == pytest.approx(worth), "what training has seen is in no group"


def test_the_evidence_of_groups_is_of_all_classes():
    names, none = ("a", "b", "c"), np.zeros(0, np.int64)
    alike = grouped([0, 0, 1, 1, 1, 2, 2, 2, 0], [0, 0, 0, 1, 1, 1, 2, 2, 2], names)
    assert independent_weights(alike, none).sum() == pytest.approx(7), "each class has the correlation 1/7"
    mixed = grouped([0, 0, 0, 2, 1, 1, 1, 2] * 4, [i // 4 for i in range(32)], names)
    assert independent_weights(mixed, none).sum() < 30, "c is in each group, a and b are not"


@pytest.mark.parametrize("order", [(0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_the_evidence_of_groups_does_not_depend_on_the_order_of_classes(order):
    label, group = [0, 0, 0, 2, 1, 1, 1, 2, 0, 1, 2, 0] * 3, [i // 4 for i in range(36)]
    worth, renamed = (
        independent_weights(grouped(each, group, ("a", "b", "c")), np.zeros(0, np.int64)).sum()
        for each in (label, [order[number] for number in label])
    )
    assert renamed == pytest.approx(worth)
    assert worth < 30


def test_a_config_may_be_a_link(write_config, here):
    write("project/d.csv", "text,label", reviews(40, "film"))
    resolved = write_config("project/c.yaml", data={"source": "d.csv"})
    os.symlink("project/c.yaml", "c.yaml")
    linked = resolved._replace(path=Path("c.yaml"))
    assert resolve_paths(linked)[0].data.source == str(here / "project" / "d.csv")
    write("d.csv", "text,label", reviews(20, "film"))
    assert resolve_paths(linked)[0].data.source == str(here / "d.csv"), "beside the link"


def test_data_of_a_run_that_are_gone(write_config, complaint):
    write("d.csv", "text,label", reviews(40, "film"))
    outcome = train_model(write_config(data={"source": "d.csv"}, **SMALL))
    os.rename("d.csv", "e.csv")
    message = complaint(DataError, evaluate_on, load_model(outcome.run / "validated.safetensors"))
    assert "if the data were moved, work in the folder that has d.csv now" in message


def test_long_texts_have_defaults_of_their_own(here, monkeypatch):
    """In the run they are settings like others, which its resumption and the final training take as they are."""
    monkeypatch.setattr(suited_defaults, "FEWEST", 36)  # a tenth of 40 is held out
    words = ["zu", "blo", "fa", "kire", "long", "vilm", "umto", "a", "mann", "ont", "shi", "kut"]

    def rows(tokens: int) -> list[str]:
        return [" ".join(["bad", "good"][i % 2] if j == i else words[j % 11] for j in range(tokens)) for i in range(40)]

    for tokens in (LONG - 1, LONG):
        write(f"r{tokens}.csv", "text,label", [f"{text},{i % 2}" for i, text in enumerate(rows(tokens))])
    short, long = (train_model(load_config("default", [f"data.source=r{n}.csv"])) for n in (LONG - 1, LONG))
    assert not any("long texts" in note for note in short.notes)
    assert (
        f"long texts, {LONG} tokens on average: the default settings are those of the config long_texts" in long.notes
    )
    assert long.refit is not None
    for outcome, ngrams in (short, 2), (long, 3):
        recorded = load_config(outcome.run / "config.yaml").config
        assert recorded.text.ngrams == ngrams
        assert load_model(outcome.model).training_config().text == recorded.text
    assert_settings_of("long_texts", recorded)
    described = train_model(load_config("default", [f"data.source=r{LONG}.csv", "model.hidden=[4]"]))
    assert load_config(described.run / "config.yaml").config.text.ngrams == 2
    as_short = (
        f"long texts, {LONG} tokens on average: the default settings are the usual ones, as some of model "
        "or of the optimizer are given; the config long_texts has better ones"
    )
    assert [note for note in described.notes if note.startswith("long texts")] == [as_short]
    started = train_model(load_config("default", [f"data.source=r{LONG}.csv", "model.embedding.init=linear"]))
    assert not any("long texts" in note for note in started.notes)
    monkeypatch.setattr(suited_defaults, "FEWEST", 37)
    few = prepare(load_config("default", [f"data.source=r{LONG}.csv"]))
    told = "the default settings are those of the config from_scratch, for few texts"
    assert f"long texts, {LONG} tokens on average: {told}" in few.notes
    assert_settings_of("from_scratch", few.config)


@pytest.mark.parametrize(("ordered", "name"), [("true", "long_texts"), ("false", "from_scratch")])
def test_long_texts_of_classes_without_an_order_are_learned_from_scratch(here, ordered, name, monkeypatch):
    """Topics have rare words, which occur in one text in the training reviews."""
    monkeypatch.setattr(suited_defaults, "FEWEST", 10)
    write("t.csv", "text,label", [f"{['сад', 'дом', 'лес'][i % 3]}{' и да' * LONG},{'abc'[i % 3]}" for i in range(36)])
    data = prepare(load_config("default", ["data.source=t.csv", "data.labels=[a,b,c]", f"data.ordered={ordered}"]))
    reason = ", for classes without an order" if ordered == "false" else ""
    assert data.notes[0].endswith(f"the default settings are those of the config {name}{reason}")
    shipped = load_config(name, ["data.labels=[a,b,c]", f"data.ordered={ordered}"]).config
    assert (data.config.text, data.config.train) == (shipped.text, shipped.train)
    assert data.config.model == shipped.model


def assert_settings_of(name: str, config: Config) -> None:
    shipped = load_config(name).config
    for section in "text", "pretrain", "model", "train":
        assert getattr(config, section) == getattr(shipped, section), section


def test_few_long_texts_in_english_start_from_known_words(here, monkeypatch):
    """No opinion is in two texts, so that only what is known of the words tells anything."""
    write("en.csv", "text,label", [row.replace(",", f"{STORY},") for row in opinion_rows(160)])
    outcome = train_model(load_config("default", ["data.source=en.csv"]))
    told = [note for note in outcome.notes if note.startswith("long texts")]
    assert len(told) == 1 and "those of the config few_long_texts, for few texts in English" in told[0]
    recorded = load_config(outcome.run / "config.yaml").config
    shipped = load_config("few_long_texts").config
    assert (recorded.text, recorded.model, recorded.train) == (shipped.text, shipped.model, shipped.train)
    assert (recorded.pretrain.vectors, recorded.pretrain.lexicon) == ("builtin", "builtin")
    assert load_model(outcome.model).training_config().text == recorded.text

    def notes(*settings: str) -> list[str]:
        return [*prepare(load_config("default", ["data.source=en.csv", *settings])).notes]

    scratch = "the default settings are those of the config from_scratch, for few texts"
    assert any(note.endswith(scratch) for note in notes("pretrain.vectors=none"))
    monkeypatch.setattr(suited_defaults, "FEWEST", 100)
    many = "the default settings are those of the config long_texts"
    assert any(note.endswith(many) for note in notes("pretrain.vectors=none"))
    monkeypatch.setattr(suited_defaults, "try_starts", lambda *_: Trial(np.array([0.5, 0.5, 0.5]), [USUAL_PRIOR] * 3))
    monkeypatch.setattr(suited_defaults, "_CHANCE", 0)
    little = "what is known of English words helps little or not at all with these labels: log loss 0.500 with it"
    assert any(f"{many}; {little}" in note for note in notes())
    monkeypatch.setattr(suited_defaults, "FEW", 100)
    monkeypatch.setattr(suited_defaults, "_SAMPLE", 50)  # all texts are counted, and not those that are looked at
    assert any(note.endswith(many) for note in notes())
    assert not any("long texts" in note for note in notes("pretrain.lexicon=vader"))


SHORT = "short texts in English: the default settings are those of the config short_texts"


def short_rows(words: str, count: int = 40) -> list[str]:
    """Return short texts of these words, of which the first is in positive ones only and the second in negative."""
    good, bad, *others = words.split()
    return [f"{' '.join(others[i % 5 :])} {(bad, good)[i % 2]} {i},{i % 2}" for i in range(count)]


def test_short_texts_in_english_have_defaults_of_their_own(here):
    """Words that no training text has are known. In the run, these are settings like others."""
    write("en.csv", "text,label", short_rows("works broken the phone that I bought here last week"))
    outcome = train_model(load_config("default", ["data.source=en.csv"]))
    assert outcome.notes[0] == SHORT
    assert_settings_of("short_texts", load_config(outcome.run / "config.yaml").config)
    good, bad, nothing = load_model(outcome.model).predict(strings(["excellent", "awful", "zyx"])).positive
    assert good > nothing > bad
    again = train_model(load_config(outcome.run / "config.yaml"))
    assert (again.digest, [note for note in again.notes if note == SHORT]) == (outcome.digest, [])
    assert reproduce(outcome.run).same


SCRATCH = "those of the config from_scratch"
USUAL = "the usual ones, as train.batch_size is given; the config from_scratch may have better ones"


@pytest.mark.parametrize(
    ("words", "settings", "chosen"),
    [
        ("gut schlecht das Telefon welches ich hier letzte Woche gekauft habe", [], SCRATCH),
        ("gut schlecht das Telefon welches ich hier letzte Woche gekauft habe", ["train.batch_size=8"], USUAL),
        ("gut schlecht das Telefon welches ich hier letzte Woche gekauft habe", ["model.hidden=[4]"], None),
        ("gut schlecht das Telefon welches ich hier letzte Woche gekauft habe", ["text.shifters=true"], SCRATCH),
        ("хорошо плохо телефон который купили здесь прошлой неделе вместе другими", [], SCRATCH),
        ("works broken the phone that I bought here last week", ["pretrain.vectors=none"], SCRATCH),
        ("works broken the phone that I bought here last week", ["model.embedding.init=linear"], None),
        ("1 2 3 4 5 6 7 8 9", [], SCRATCH),
    ],
)
def test_other_short_texts_have_the_defaults_of_training_from_scratch(here, words, settings, chosen):
    """What is chosen is told, but for a network that the config describes."""
    write("r.csv", "text,label", short_rows(words))
    outcome = train_model(load_config("default", ["data.source=r.csv", "train.epochs=1", *settings]))
    told = [note for note in outcome.notes if "the default settings are" in note]
    assert told == ([f"short texts: the default settings are {chosen}"] if chosen else [])
    are_from_scratch = chosen == SCRATCH
    recorded = load_config(outcome.run / "config.yaml").config
    assert (recorded.pretrain.vectors, recorded.text.presence) == ("none", are_from_scratch)
    assert recorded.train.linear_member == are_from_scratch
    assert reproduce(outcome.run).same


@pytest.mark.parametrize(
    ("setting", "usual"),
    [
        ("model.hidden=[4]", "the usual ones"),
        ("train.linear_member=true", "those of the config from_scratch"),
        ("text.max_features=50", "those of the config from_scratch"),
    ],
)
def test_a_setting_that_excludes_the_defaults_of_short_texts_is_named(here, setting, usual):
    """It changed two things at once, in silence: a network of its own, and no words but those of the texts."""
    write("en.csv", "text,label", short_rows("works broken the phone that I bought here last week"))
    outcome = train_model(load_config("default", ["data.source=en.csv", "train.epochs=1", setting]))
    assert outcome.notes[0] == (
        f"short texts in English: the default settings are {usual}, as "
        f"{setting.partition('=')[0]} is given; the config short_texts may have better ones"
    )


def test_early_stopping_has_no_effect_with_defaults_that_are_an_average(here, monkeypatch):
    write("en.csv", "text,label", short_rows("works broken the phone that I bought here last week"))
    data = prepare(load_config("default", ["data.source=en.csv", "train.early_stopping=1", "train.epochs=5"]))
    assert data.notes[:2] == (
        SHORT,
        "train.early_stopping has no effect with pretrain.vectors, where all epochs are trained; remove it with "
        "--set train.early_stopping=null",
    )
    monkeypatch.setattr(suited_defaults, "FEWEST", 0)
    for repeats, name in ((1, "from_scratch"), (20, "long_texts")):
        write(
            "ru.csv",
            "text,label",
            short_rows("хорошо плохо" + " телефон который купили здесь прошлой неделе" * repeats),
        )
        data = prepare(load_config("default", ["data.source=ru.csv", "train.early_stopping=1", "train.epochs=5"]))
        assert f"those of the config {name}" in data.notes[0]
        assert data.notes[1].startswith("train.early_stopping has no effect with train.linear_member, where all epochs")


STORY = " the plot of this film is about a man and his dog who travel to the sea" * 4


@pytest.mark.parametrize(
    ("story", "told"),
    [("", SHORT), (STORY, "default settings are those of the config few_long_texts, for few texts in English")],
)
def test_words_that_no_text_has_are_known_with_more_classes_too(here, story, told):
    rows = [
        f"{word} {i}{story},{label}" for i in range(20) for word, label in (("bad", 0), ("average", 1), ("great", 2))
    ]
    write("r.csv", "text,label", rows)
    outcome = train_model(load_config("default", ["data.source=r.csv", "data.labels=[0,1,2]"]))
    assert outcome.notes[0].endswith(f"{told}, without what is for negative and positive")
    predicted = load_model(outcome.model).predict(strings([f"terrible{story}", f"wonderful{story}"])).probabilities
    assert predicted[0, 0] > predicted[1, 0]
    assert predicted[1, 2] > predicted[0, 2]


def test_labels_that_known_words_say_nothing_about_are_learned_from_scratch(here):
    """Cross-validation on some of the texts decides: names of products, which nobody knows, tell the labels here."""
    names = [first + last for first in ("zor", "blik", "fram", "quet", "lun") for last in ("ta", "mi", "ko", "ne")]
    rows = [
        f"I bought the {names[i % 20]} and it is {('good', 'bad', 'lovely')[i % 3]} for the price here {i},"
        f"{(i + (i % 11 == 0)) % 2}"
        for i in range(160)
    ]
    write("en.csv", "text,label", rows)
    outcome = train_model(load_config("default", ["data.source=en.csv"]))
    note = (
        "short texts in English: the default settings are those of the config from_scratch; what is known of English "
        "words helps little or not at all with these labels: "
    )
    (told,) = (each for each in outcome.notes if "default settings" in each)  # chosen once, though rows are similar
    found = re.fullmatch(r"log loss (0\.\d{3}) with it, (0\.\d{3}) without", told.removeprefix(note))
    assert found is not None
    assert float(found[1]) > float(found[2])
    recorded = load_config(outcome.run / "config.yaml")
    assert_settings_of("from_scratch", recorded.config)
    again = train_model(recorded)
    assert (again.digest, [each for each in again.notes if "known" in each]) == (outcome.digest, [])


def test_known_words_are_used_if_both_log_losses_are_next_to_nothing(here):
    """Each label has a word here, which all of its texts have: other texts have other words."""
    write("en.csv", "text,label", short_rows("works broken the phone that I bought here last week", 160))
    resolved = load_config("default", ["data.source=en.csv", "pretrain.decay=0.1"])
    corpus, informed = load_inputs(resolved.config).reviews.training, for_short_texts(resolved.config)
    plain, known = try_starts(resolved.config, [informed], corpus, load_builtin()).losses
    assert 0 < known - plain < 0.01
    assert prepare(load_config("default", ["data.source=en.csv"])).notes[0].startswith(SHORT)


@pytest.mark.parametrize(
    ("plain", "known", "texts", "enough", "helps"),
    [
        (0.55, 0.542, 1500, 0.01, True),  # of many texts, 0.0074 is enough
        (0.55, 0.543, 1500, 0.01, False),
        (0.55, 0.549, 400, 0.01, True),
        (0.55, 0.551, 400, 0.01, False),
        (0.55, 0.559, 100, 0.01, True),  # few texts speak against it only if they do so clearly
        (0.55, 0.561, 100, 0.01, False),
        (0.05, 0.059, 1500, 0.01, True),  # nothing to gain on these texts
        (0.05, 0.061, 1500, 0.01, False),
        (0.55, 0.517, 1500, 0.035, True),  # long texts
        (0.55, 0.518, 1500, 0.035, False),
        (0.55, 0.524, 400, 0.035, True),
        (0.55, 0.526, 400, 0.035, False),
        (0.05, 0.059, 1500, 0.035, True),
    ],
)
def test_known_words_must_lower_the_log_loss_clearly(plain, known, texts, enough, helps):
    trial = Trial(np.array([plain, known + 0.1, known]), [USUAL_PRIOR] * 3)
    assert suited_defaults._helps(trial, texts, enough) == helps


def test_the_penalty_of_words_that_is_given_is_that_of_the_defaults(here, monkeypatch):
    """It says nothing of the network; where no word is known, a line says so."""
    write("en.csv", "text,label", opinion_rows(160))
    for decay in 0.3, 1.0:
        tried = []
        monkeypatch.setattr(suited_defaults, "try_starts", lambda _, configs, *__, to=tried: losses(configs, to))
        data = prepare(load_config("default", ["data.source=en.csv", f"pretrain.decay={decay}"]))
        assert (data.config.pretrain.vectors, data.config.pretrain.decay, tried) == ("builtin", decay, [decay])
        assert data.notes[0] == SHORT and not any("pretrain.decay" in note for note in data.notes)
    write("ru.csv", "text,label", ["хорошо,1", "плохо,0"] * 20)
    data = prepare(load_config("default", ["data.source=ru.csv", "pretrain.decay=0.3"]))
    assert data.notes[1].startswith("pretrain.decay has no effect, as what is known of words is not used here")
    given = ["data.source=en.csv", "pretrain.decay=0.3", "train.optimizer.learning_rate=0.1"]
    for more in [], ["data.labels={negative: [0], neutral: [2], positive: [1]}"]:
        write("en.csv", "text,label", [*opinion_rows(160), *["it runs for two hours,2"] * 20 * len(more)])
        note = no_effect(given + more)
        repair = re.search("use it with (.*), or remove it$", note)[1].replace("--set ", "").split()
        assert no_effect(given + more + repair) is None
    deep = ["data.source=ru.csv", "model.hidden=[8,8]", "pretrain.decay=0.3"]
    assert no_effect(deep).endswith("not used here; remove it"), "two hidden layers exclude it"


def no_effect(overrides) -> str | None:
    notes = prepare(load_config("default", overrides)).notes
    return next((note for note in notes if "pretrain.decay has no effect" in note), None)


def losses(configs, tried: list[float]) -> Trial:
    """Return log losses that speak for what is known of words, and write down what was tried."""
    tried += [config.pretrain.decay for config in configs]
    return Trial(np.array([0.5, *([0.4] * len(configs))]), [USUAL_PRIOR] * (1 + len(configs)))


@pytest.mark.parametrize("lexicon", ["vader", "none"])
def test_a_lexicon_that_excludes_the_defaults_of_short_texts_is_named(here, lexicon):
    write("en.csv", "text,label", opinion_rows(160))
    data = prepare(load_config("default", ["data.source=en.csv", f"pretrain.lexicon={lexicon}"]))
    assert data.config.pretrain.vectors == "none"
    assert data.notes[0].endswith("pretrain.lexicon is given; the config short_texts may have better ones")


def opinion_rows(count: int) -> list[str]:
    """Return short texts with an opinion that no other text has in these words."""
    words = load_lexicon(load_config("short_texts").config)
    order = np.argsort(words.polarity)
    bad, good = (words.words.take(pa.array(chosen)).to_pylist() for chosen in (order[:count], order[::-1][:count]))
    return [
        f"I think that this one is {(bad, good)[i % 2][i]} {(bad, good)[i % 2][-i - 1]},{i % 2}" for i in range(count)
    ]


def test_labels_that_known_words_predict(here):
    """No opinion is in two texts, so that only what is known of the words tells anything."""
    write("en.csv", "text,label", opinion_rows(160))
    outcome = train_model(load_config("default", ["data.source=en.csv"]))
    assert outcome.notes[0].startswith(SHORT)
    config = load_config("default", ["data.source=en.csv"]).config
    informed = for_short_texts(config)
    corpus = load_inputs(config).reviews.training
    (plain, known), (alone, informed_prior) = try_starts(config, [informed], corpus, load_builtin())
    assert known < 0.6 < plain
    weaker = load_config("default", ["data.source=en.csv", "pretrain.decay=0.1"]).config
    again = try_starts(config, [informed, for_short_texts(weaker)], corpus, load_builtin())
    assert again.losses[:2].tolist() == [plain, known] != again.losses[::2].tolist()
    assert again.priors[:2] == [alone, informed_prior] != again.priors[1:]
    assert expected_calibration(informed, corpus, load_builtin()) == informed_prior
    assert expected_calibration(config, corpus, None) == alone, "it is not computed again"
    taught = load_config(outcome.run / "config.yaml").config.pretrain.decay
    assert taught in (1.0, 0.1)
    assert reproduce(outcome.run).same


def test_a_weaker_penalty_for_labels_that_words_tell_apart(here, monkeypatch):
    write("en.csv", "text,label", opinion_rows(160))
    priors = [CalibrationPrior(mode, 20, 20) for mode in (0.8, 0.6, 0.4)]
    for losses, weaker in (([0.5, 0.4, 0.393], False), ([0.5, 0.4, 0.391], True), ([0.4, 0.5, 0.391], True)):
        monkeypatch.setattr(suited_defaults, "try_starts", lambda *_, losses=losses: Trial(np.array(losses), priors))
        data = prepare(load_config("default", ["data.source=en.csv"]))
        assert (data.config.pretrain.vectors, data.config.pretrain.decay) == ("builtin", 0.1 if weaker else 1.0)
        assert data.prior == priors[1 + weaker]


def test_other_texts_tell_the_factor_of_calibration_where_validation_reviews_are_few(here):
    """So few know it too badly: of 16, the factor may be half of what it should be, or twice."""
    rows = opinion_rows(160)
    write("en.csv", "text,label", rows)
    write("dev.csv", "text,label", opinion_rows(176)[160:])
    told = prepare(load_config("short_texts", ["data.source=en.csv"])).prior
    assert told.mode != 1
    assert told.shrinking == told.growing == 144 / 8, "of all texts that are not held out"
    few = prepare(load_config("short_texts", ["data.source=en.csv", "data.validation=0.75"])).prior
    assert (few.shrinking, few.growing) == (40 / 8, 16), "growth needs as much evidence as ever"
    for config, settings in (
        ("short_texts", ["data.validation=dev.csv"]),  # its texts may be of another kind
        ("short_texts", ["data.validation=0"]),
        ("short_texts", ["train.calibrate=false"]),
        ("quickstart", []),
    ):
        assert prepare(load_config(config, ["data.source=en.csv", *settings])).prior == USUAL_PRIOR
    write("few.csv", "text,label", [*rows[:20:2], *rows[1:6:2]])  # two positive ones are too few for three folds
    few = ["data.source=few.csv", "data.validation=0.34", "data.group_similar=false"]
    assert prepare(load_config("short_texts", few)).prior == USUAL_PRIOR


def test_many_short_texts_say_enough_about_their_words(here, monkeypatch):
    write("en.csv", "text,label", short_rows("works broken the phone that I bought here last week"))
    monkeypatch.setattr(suited_defaults, "_SAMPLE", 30)  # all texts are counted, and not those that are looked at
    for most, is_chosen in (36, True), (35, False):  # a tenth of 40 is held out
        monkeypatch.setattr(suited_defaults, "MANY", most)
        assert (SHORT in train_model(load_config("default", ["data.source=en.csv"])).notes) == is_chosen


def test_the_texts_that_tell_the_language_are_from_the_whole_file(monkeypatch):
    monkeypatch.setattr(suited_defaults, "_SAMPLE", 3)
    corpus = Corpus(pa.chunked_array([strings(["one", *["other"] * 3, "two", *["other"] * 3, "three"])]), None)
    assert suited_defaults._sample(corpus).text.to_pylist() == ["one", "two", "three"]


def test_vectors_of_another_language_than_the_texts(here, complaint):
    write("r.csv", "text,label", ["хорошо,1", "плохо,0"] * 20)
    config = load_config("short_texts", ["data.source=r.csv", "pretrain.lexicon=none", "text.ngrams=1"])
    message = complaint(DataError, train_model, config)
    assert message.startswith("built-in vectors: no word or n-gram of the training data has a vector there; ")
    assert message.endswith("write --set pretrain.vectors=none")


@pytest.mark.parametrize(
    ("validation", "independent", "is_grouped", "note"),
    [
        (30, 30, False, None),
        (
            29,
            29,
            False,
            "only 29 validation reviews: the scores, the best epoch and the calibration of the probabilities depend on "
            "chance; give more reviews, or hold out more with --set data.validation=0.3",
        ),
        (
            300,
            1,
            False,
            "only 1 distinct validation text differs clearly from all training reviews: the calibration of the "
            "probabilities depends on chance; validate on other reviews with --set data.validation=FILE",
        ),
        (
            300,
            0,
            False,
            "no validation review differs clearly from all training reviews: the calibration of the probabilities "
            "depends on chance; validate on other reviews with --set data.validation=FILE",
        ),
        (
            300,
            22.6,
            True,
            "the validation reviews count as 23 reviews of different groups (data.group_column): the calibration of "
            "the probabilities depends on chance; give reviews of more groups, or hold out more with --set "
            "data.validation=0.3",
        ),
    ],
)
def test_few_validation_reviews_are_named_for_what_they_are(validation, independent, is_grouped, note):
    """The last part is the repair: of groups, more of them; of texts that training repeats, other ones."""
    config = load_config("quickstart").config
    expected = [] if note is None else [note]
    assert few_notes(config, 9 * validation, validation, independent, is_grouped=is_grouped) == expected
    without = [each.replace(", or hold out more with --set data.validation=0.3", "") for each in expected]
    found = few_notes(config, validation, validation, independent, is_grouped=is_grouped)
    assert found == without, "of large groups, more than this are held out"


def phrases(films: range, again: str) -> list[str]:
    """Return a review of each film, of 30 words; the last word is `again`."""
    words = [" ".join(f"w{film}x{i}" for i in range(30)) for film in films]
    return [f"{text} {again},{film % 2},{film // 4}" for film, text in zip(films, words, strict=True)]


TOGETHER = "hold those out together that are nearly the same with --set"
TO_REMOVE = "remove them from one of the two, or hold out training reviews with --set data.validation=0.1"


@pytest.mark.parametrize(
    ("data", "repair"),
    [
        ({"validation": "dev.csv"}, TO_REMOVE),
        ({"validation": "dev.csv", "group_column": "film"}, TO_REMOVE),
        ({"group_similar": False}, f"{TOGETHER} data.group_similar=null"),
        ({"block_size": 2}, f"{TOGETHER} data.block_size=1"),
        ({"group_similar": False, "block_size": 2}, f"{TOGETHER} data.block_size=1 --set data.group_similar=null"),
        (
            {"group_similar": False, "group_column": "place"},
            "the groups of data.group_column do not keep them together",
        ),
    ],
)
def test_a_note_says_what_keeps_near_duplicates_on_one_side(write_config, data, repair):
    """The groups of a column have no say where the validation reviews are a file of their own."""
    rows = [f"{row},{i}" for i, row in enumerate(phrases(range(40), "fine"))]
    copies = [f"{row},{40 + i}" for i, row in enumerate(phrases(range(40), "again"))]
    is_file = "validation" in data
    write("train.csv", "text,label,film,place", rows if is_file else rows + copies)
    write("dev.csv", "text,label,film,place", copies)
    notes = prepare(write_config(data={"source": "train.csv", "validation": 0.3} | data, **SMALL)).notes
    (note,) = (note for note in notes if "nearly the same as a training review" in note)
    assert note.endswith(f"lower scores on new reviews; {repair}")
    if repair.startswith(TOGETHER):
        options = re.findall(r"--set (\S+)", repair)
        settings = {"source": "train.csv", "validation": 0.3} | data
        again = prepare(write_config("again.yaml", options, data=settings, **SMALL)).notes
        assert any("nearly the same are held out together (data.group_similar)" in note for note in again)


@pytest.mark.parametrize(("key", "value", "off"), [("group_similar", True, "null"), ("block_size", 4, "1")])
def test_what_is_held_out_together_has_no_effect_where_nothing_is_held_out(write_config, key, value, off):
    write("train.csv", "text,label", reviews(40, "film"))
    write("dev.csv", "text,label", reviews(30, "book"))
    instead = "hold out training reviews with --set data.validation=0.1, or "
    for validation, why in (
        ("dev.csv", f"the validation reviews are given apart; {instead}"),
        (0, "no review is held out; "),
        (0.2, None),
    ):
        data = {"source": "train.csv", "validation": validation, key: value}
        notes = [note for note in prepare(write_config(data=data, **SMALL)).notes if "has no effect" in note]
        assert notes == ([f"data.{key} has no effect: {why}write --set data.{key}={off}"] if why else [])
        data = data | {key: {"null": None, "1": 1}[off]}
        assert not any("has no effect" in note for note in prepare(write_config(data=data, **SMALL)).notes)
    config = write_config(data=data | {"validation": 0, key: value}, **SMALL).config
    folds = prepare_inputs(config, load_inputs(config), is_fold=True)  # which were cut by this setting
    assert not any("has no effect" in note for note in folds.notes)


def test_of_few_validation_reviews_fewer_differ_from_training():
    """Each thing that depends on chance is in one of the two notes."""
    few, alike = few_notes(load_config("quickstart").config, 180, 20, 5, is_grouped=False)
    assert few.startswith("only 20 validation reviews: the scores and the best epoch depend on chance;")
    assert "only 5 distinct validation texts differ clearly" in alike
    assert ": the calibration of the probabilities depends on chance;" in alike
    averaged = load_config("quickstart", ["train.linear_member=true", "train.calibrate=false"]).config
    assert ": the weights in the average depend on chance;" in few_notes(averaged, 180, 20, 5, is_grouped=False)[1]


def test_cross_validation_tells_the_calibration_of_few_validation_reviews():
    config = load_config("quickstart").config
    for strength, is_told in (37, True), (12, True), (3, False):
        prior = CalibrationPrior(1.2, strength, 16 + strength)
        notes = few_notes(config, 180, 20, 20, prior, is_grouped=False)
        assert any("calibration" in note for note in notes) == (not is_told), notes
        assert len(few_notes(config, 180, 200, 20, prior, is_grouped=False)) == (not is_told)


def test_what_tells_the_class_is_said_beside_the_scores(write_config):
    write("marks.csv", "text,label", [f"film {i} {'via twitter' * (i % 2)},{i % 2}" for i in range(80)])
    write("labels.csv", "text,label", [f"film {i} Label: {i % 2},{i % 2}" for i in range(80)])
    told = {"marks.csv": "a word that only their class has", "labels.csv": "contain their own label"}
    for source, what in told.items():
        data = prepare(write_config(data={"source": source, "validation": 0.2}, **SMALL))
        assert [note for note in data.caveats if what in note] == [note for note in data.notes if what in note] != []
        assert sum("tell" in note or "a model reads" in note for note in data.notes) == 1
