"""Weight 0 equals absent and weight k equals k copies: in the start, the training, the scores and the calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runner import train_model

from sentibp import metrics
from sentibp.config.schema import Config
from sentibp.data import corpus as data_corpus
from sentibp.data import dataset, sources, vocabulary_build
from sentibp.data.corpus import Corpus
from sentibp.data.examples import Examples
from sentibp.data.labels import Classes
from sentibp.data.lexicon import Lexicon
from sentibp.data.readers.table import ReadOptions
from sentibp.data.tokenizer import tokenize
from sentibp.errors import DataError
from sentibp.inspection.evaluate import evaluate_on
from sentibp.model import initial, linear
from sentibp.model.file import load_model
from sentibp.model.head import probability
from sentibp.model.word_vectors import to_half_precision
from sentibp.runs import directory
from sentibp.training import distillation, loop, prepare
from sentibp.training.best_epoch import calibrate
from sentibp.training.events import Epoch
from sentibp.training.pretraining import PretrainingData
from sentibp.utils.arrow import strings

WORDS = ["good", "bad", "fine", "dull", "film", "plot", "cast", "song", "a", "the"]


def drawn(seed: int, n: int) -> tuple[list[str], np.ndarray]:
    """Return texts and labels; the first two words of WORDS tell the label most of the time."""
    rng = np.random.default_rng(seed)
    label = (np.arange(n) % 2).astype(np.int8)
    texts = []
    for each in label:
        tone = WORDS[each ^ 1 ^ (rng.random() < 0.2)]
        texts.append(" ".join([tone, *rng.choice(WORDS, rng.integers(1, 5))]))
    return texts, label


def encoded(texts: list[str]):
    """Return a vocabulary of all words, and the texts as its features."""
    return vocabulary_build.build_vocabulary(tokenize(strings(texts)), 2, affixes=True)


def corpus_of(texts: list[str], label, weight=None) -> Corpus:
    return Corpus(pa.chunked_array([strings(texts)]), label, None if weight is None else weight.astype(np.float32))


def config(init: str, class_weight=None) -> Config:
    model = {"embedding": {"dim": 4, "init": init}, "hidden": [4]}
    train = {"word_dropout": 0, "batch_size": 1000, "epochs": 3, "class_weight": class_weight}
    return Config.model_validate({"model": model, "train": train})


weights = st.lists(st.integers(0, 3), min_size=12, max_size=24)


@settings(max_examples=25, deadline=None)
@given(
    weights,
    st.integers(0, 100),
    st.sampled_from(["linear", "naive_bayes", "normal"]),
    st.sampled_from([None, "balanced", {"positive": 3.0}]),
)
def test_start_training_scores_and_calibration(weight, seed, init, class_weight):
    """The whole way on the whole batch, with weights and with copies."""
    weight = np.array(weight)
    weight[:2] += 1  # a review of each class
    texts, label = drawn(seed, len(weight))
    vocabulary, x = encoded(texts)
    copies = np.repeat(np.arange(len(weight)), weight)
    weighted = Examples(x, label, weight.astype(np.float32))
    copied = Examples(x.take(copies), label[copies])
    result = [_trained(config(init, class_weight), vocabulary, each) for each in (weighted, copied)]
    (start_a, a, loss_a), (start_b, b, loss_b) = result
    for name, tensor in start_b.items():
        np.testing.assert_allclose(start_a[name], tensor, rtol=5e-3, atol=5e-3, err_msg=name)
    assert loss_a == pytest.approx(loss_b, rel=1e-2, abs=1e-4)
    logits = [each.logits(x) for each in (a, b)]
    np.testing.assert_allclose(logits[0], logits[1], rtol=3e-2, atol=3e-2)

    z = logits[0]
    found = metrics.scores(label, probability(z), weight)
    wanted = metrics.scores(label[copies], probability(z[copies]))
    assert {name: found[name] for name in metrics.BETTER} == pytest.approx(
        {name: wanted[name] for name in metrics.BETTER}, rel=1e-9
    )
    assert found["confusion"] == pytest.approx(wanted["confusion"])
    assert found["n"] == np.count_nonzero(weight)
    assert found["effective_n"] == pytest.approx(metrics.effective_number(weight))

    corpora = corpus_of(texts, label, weight), corpus_of(texts, label).take(copies)
    independent = [data_corpus.independent_weights(each, np.zeros(0, np.int64)) for each in corpora]
    train = config(init, class_weight).train
    by_weight = calibrate(z, Examples(None, label), independent[0], train)
    assert by_weight == pytest.approx(
        calibrate(z[copies], Examples(None, label[copies]), independent[1], train), rel=1e-3, abs=1e-3
    )


def _trained(settings: Config, vocabulary, examples: Examples):
    """Return the tensors before training, the classifier after it, and the loss of the last epoch."""
    classifier = initial.build_classifier(settings, vocabulary, 0, examples=examples)
    start = {name: tensor.copy() for name, tensor in classifier.tensors().items()}
    state = loop.initial_state(settings.train, len(examples), 0)
    epochs = [
        event
        for event in loop.fit(classifier.network, examples, None, settings.train, state)
        if isinstance(event, Epoch)
    ]
    return start, classifier, epochs[-1].loss


def test_this_test_can_fail():
    """A start that ignores the weights differs."""
    texts, label = drawn(0, 20)
    vocabulary, x = encoded(texts)
    weight = np.where(np.arange(20) < 10, 3, 0).astype(np.float32)
    embedding = config("linear").model.embedding
    with_weights = linear.linear_start(Examples(x, label, weight), vocabulary, embedding, weight / weight.mean())
    without = linear.linear_start(Examples(x, label), vocabulary, embedding)
    assert not np.allclose(with_weights.columns, without.columns, atol=0.05)


@settings(max_examples=5, deadline=None)
@given(weights, st.integers(0, 100), st.sampled_from([None, "balanced"]))
def test_classifiers_on_pretrained_vectors(weight, seed, class_weight):
    weight = np.array(weight)
    weight[:2] += 1
    texts, label = drawn(seed, len(weight))
    vocabulary, x = encoded(texts)
    copies = np.repeat(np.arange(len(weight)), weight)
    columns = np.random.default_rng(seed).standard_normal((len(vocabulary), 2)).astype(np.float32)
    none, plain = PretrainingData(x, None, x.slice(0, 0)), config("normal", class_weight)
    a, b = (
        distillation.word_classifier(plain, vocabulary, each, none, columns, 0).logits(x)
        for each in (Examples(x, label, weight.astype(np.float32)), Examples(x.take(copies), label[copies]))
    )
    np.testing.assert_allclose(a, b, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("class_weight", [None, {"positive": 3.0}], ids=str)
def test_what_pretraining_contributes(class_weight):
    """The classifiers on vectors, the columns of words, and a student that starts from its teacher."""
    texts, label = drawn(0, 30)
    weight = np.arange(30) * 7 % 5
    vocabulary, x = encoded(texts)
    copies = np.repeat(np.arange(30), weight)
    examples = Examples(x, label, weight.astype(np.float32)), Examples(x.take(copies), label[copies])
    ids, settings = np.arange(len(vocabulary), dtype=np.int32), config("normal", class_weight)
    vectors = to_half_precision(ids, np.random.default_rng(0).standard_normal((len(ids), 3)))
    lexicon = Lexicon(strings(["good", "dull"]), np.array([1, -0.5], np.float32), "")
    extra = PretrainingData(x, Examples(x, label), x.slice(0, 0))
    found = []
    for each in examples:
        teacher = distillation.review_classifier(settings, vocabulary, each, vectors, 0)
        student = initial.build_classifier(settings, vocabulary, 0)
        distillation.start_from_teacher(student, teacher, each)
        np.testing.assert_allclose(student.logits(x), teacher.logits(x), rtol=1e-3, atol=1e-4)
        columns = distillation.word_columns(settings, vocabulary, each, extra, vectors, lexicon)
        found.append({**teacher.tensors(), "columns": columns, "student": student.tensors()["embedding.weight"]})
    for name, wanted in found[1].items():
        np.testing.assert_allclose(found[0][name], wanted, rtol=5e-3, atol=5e-3, err_msg=name)


def test_an_output_layer_whose_inputs_are_larger_in_heavy_reviews():
    rng = np.random.default_rng(0)
    weight, label = np.arange(60) % 4, (np.arange(60) // 4 % 2).astype(np.int8)
    x = rng.standard_normal((60, 2)) + 3 * weight[:, None] + label[:, None]
    copies = np.repeat(np.arange(60), weight)
    found = linear.fit_output_layer(x, label, weight=weight, loss_weight=weight / weight.mean())
    for ours, theirs in zip(found, linear.fit_output_layer(x[copies], label[copies]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3)


def test_what_few_reviews_say_counts_little_however_often_they_occur():
    """Copies are one review; the same text with the other label is another."""
    vocabulary, x = encoded(["good film", "bad film"])
    label = np.array([1, 0], np.int8)
    both = np.array([0, 0, 1])
    assert distillation.effective_reviews(Examples(x.take(both), label[both])) == pytest.approx(9 / 5)
    assert distillation.effective_reviews(Examples(x.take(both), np.array([1, 0, 0], np.int8))) == pytest.approx(3)
    columns, none = np.zeros((len(vocabulary), 1), np.float32), PretrainingData(x, None, x.slice(0, 0))
    for copies in 1, 50:
        examples = Examples(x.take(np.tile([0, 1], copies)), np.tile(label, copies))
        found = distillation.word_classifier(config("normal"), vocabulary, examples, none, columns, 0)
        assert 0 < found.logits(x)[0] < 1


@pytest.mark.parametrize("ordered", [True, False])
def test_beside_vectors_rare_words_move_further_if_the_classes_have_no_order(ordered, monkeypatch):
    texts = [f"common{i % 3} {f'rare{i % 3}' if i % 8 == 0 else ''} film" for i in range(240)]
    vocabulary, x = encoded(texts)
    data = {"labels": ["a", "b", "c"], "ordered": ordered}
    settings = Config.model_validate({"data": data, "text": {"affixes": False}})
    examples = Examples(x, np.arange(240, dtype=np.int8) % 3, None, Classes(("a", "b", "c")))
    none, columns = PretrainingData(x, None, x.slice(0, 0)), np.zeros((len(vocabulary), 1), np.float32)
    rare, common = (
        np.array([word.startswith(kind) for word in vocabulary.words.to_pylist()]) for kind in ("rare", "common")
    )

    def of_rare():
        classifier = distillation.word_classifier(settings, vocabulary, examples, none, columns, 0)
        rows = np.linalg.norm(classifier.tensors()["embedding.weight"][vocabulary.word_features], axis=1)
        return rows[rare].mean() / rows[common].mean()

    found = of_rare()
    monkeypatch.setattr(linear, "relative_rarity", lambda counts, examples: np.ones(len(counts[0])))
    assert (found == of_rare()) if ordered else (found > 1.5 * of_rare())


@pytest.mark.parametrize("names", [("negative", "positive"), ("a", "b", "c")], ids=len)
def test_the_linear_member_learns_what_the_heavy_reviews_say(names):
    """Each text has two labels; the weights say which of them counts."""
    k = len(names)
    texts = [f"{WORDS[i % k]} film u{i}" for i in range(60)]
    vocabulary, x = encoded(texts * 2)
    label = np.arange(60, dtype=np.int8) % k
    labels = np.concatenate([label, (label + 1) % k]).astype(np.int8)
    data = {} if k == 2 else {"data": {"labels": list(names), "ordered": False}}
    settings = Config.model_validate(data | {"train": {"linear_member": True}, "text": {"affixes": False}})
    for heavy in 0, 1:
        weight = np.repeat([10, 1] if heavy == 0 else [1, 10], 60).astype(np.float32)
        examples = Examples(x, labels, weight, Classes(names))
        member = distillation.linear_member(settings, vocabulary, examples, 0)
        answers = metrics.decide(probability(member.logits(x))) if k == 2 else member.logits(x).argmax(axis=1)
        np.testing.assert_array_equal(answers[:60], (label + heavy) % k)


# Files


def rows(texts: list[str], label, weight=None) -> str:
    columns = ["text,label" + (",w" if weight is not None else "")]
    for i, text in enumerate(texts):
        columns.append(f"{text},{label[i]}" + (f",{weight[i]}" if weight is not None else ""))
    return "\n".join(columns) + "\n"


def test_rows_of_weight_0_are_left_out_of_the_whole_training_and_counted(write_config):
    texts, label = drawn(0, 80)
    wrong = [f"{text} unheard{i}" for i, text in enumerate(texts)]
    Path("plain.csv").write_text(rows(texts, label))
    Path("more.csv").write_text(rows(texts + wrong, [*label, *(1 - label)], [1] * 80 + [0] * 80))
    outcomes = [
        train_model(write_config("a.yaml", data={"source": "plain.csv"})),
        train_model(write_config("b.yaml", data={"source": "more.csv", "weight_column": "w"})),
    ]
    assert "more.csv: 80 reviews left out: weight 0" in outcomes[1].notes
    a, b = (load_model(outcome.model) for outcome in outcomes)
    assert a.vocabulary.features().to_pylist() == b.vocabulary.features().to_pylist(), "their words are no features"
    for name, tensor in a.tensors().items():
        np.testing.assert_allclose(b.tensors()[name], tensor, rtol=1e-3, atol=1e-4, err_msg=name)
    scores = [{name: outcome.scores[name] for name in metrics.BETTER} for outcome in outcomes]
    assert scores[1] == pytest.approx(scores[0], rel=1e-3)
    _, positive, weight = directory.load_predictions(outcomes[1].run)
    assert weight.tolist() == [1.0] * len(positive)


def test_without_a_weight_above_0_there_is_nothing_to_train_on(here, complaint):
    Path("none.csv").write_text(rows(["good", "bad"], [1, 0], [0, 0]))
    line = "none.csv: the weights of all 2 reviews are 0; give one above 0"
    assert complaint(DataError, sources.load_corpus, "none.csv", ReadOptions(label="label", weight="w")) == line


def test_a_label_that_is_ignored_and_a_weight_of_0_are_counted_apart(write_config):
    Path("mixed.csv").write_text("text,label,w\ngood,1,1\nbad,0,1\nmeh,2,1\nmeh,2,0\nodd,1,0\n")
    data = {"source": "mixed.csv", "weight_column": "w", "validation": 0}
    resolved = write_config(data=data | {"labels": {"negative": 0, "positive": 1, "ignore": 2}})
    corpus, _ = dataset.load_data(resolved.config)
    assert corpus.notes == (
        "mixed.csv: 1 review left out, as data.labels says",
        "mixed.csv: 2 reviews left out: weight 0",
    )
    assert len(corpus) == 2


def test_the_labels_of_rows_of_weight_0_are_not_read(here):
    """They are as if absent: unknown ones, missing ones, and those beside an empty text."""
    options = ReadOptions(label="label", weight="w")
    Path("odd.csv").write_text("text,label,w\ngood,1,1\nx,weird,0\ny,,0.0\n,,0\nbad,0,2\nz,nan,-0\n")
    corpus = sources.load_corpus("odd.csv", options)
    assert corpus.text.to_pylist() == ["good", "bad"] and corpus.label.tolist() == [1, 0]
    assert corpus.weight.tolist() == [1, 2]
    assert corpus.notes == (
        "odd.csv: 1 row left out: neither text nor label",
        "odd.csv: 3 reviews left out: weight 0",
    )
    Path("odd.csv").write_text("text,label,w\nx,weird,0\ngood,1,1\nbad,0,2\ny,often,2\n")
    with pytest.raises(DataError, match=r"^odd\.csv:5: label 'often' is"):
        sources.load_corpus("odd.csv", options)


def test_eval_uses_the_weights_of_a_file_or_says_that_it_has_none(write_config):
    texts, label = drawn(0, 80)
    Path("train.csv").write_text(rows(texts, label, [1] * 80))
    outcome = train_model(write_config(data={"source": "train.csv", "weight_column": "w"}))
    classifier = load_model(outcome.model)
    new, truth = drawn(1, 60)
    answers = classifier.predict(strings(new)).positive
    weight = np.arange(60) % 3
    Path("weighted.csv").write_text(rows(new, truth, weight))
    Path("without.csv").write_text(rows(new, truth))
    Path("wrong.csv").write_text(rows(new, truth, ["much"] * 60))
    found = evaluate_on(classifier, "weighted.csv")
    assert found.scores["accuracy"] == metrics.scores(truth, answers, weight)["accuracy"]
    assert found.scores["n"] == 40
    assert found.notes[0] == "weighted.csv: 20 reviews left out: weight 0"
    found = evaluate_on(classifier, "without.csv")
    assert found.scores["accuracy"] == metrics.scores(truth, answers)["accuracy"]
    note = "without.csv:1: no weights in a column 'w', which the training has; every review counts the same"
    assert found.notes[0] == note
    with pytest.raises(DataError, match="weight 'much'"):
        evaluate_on(classifier, "wrong.csv")


# Classes


@pytest.mark.parametrize("init", ["linear", "naive_bayes"])
def test_balanced_classes_count_on_new_reviews_of_a_rare_class(write_config, init):
    """Nineteen of twenty reviews are negative, and words of its own tell each training review apart."""

    def reviews(seed, label):
        rng = np.random.default_rng(seed)
        shares = {0: [0.15, 0.45, 0.4], 1: [0.45, 0.15, 0.4]}
        tone = [rng.choice(["fine", "dull", "film"], p=shares[each]) for each in label]
        return [f"{word} w{rng.integers(10**6)} the w{rng.integers(10**6)} plot" for word in tone]

    label = (np.arange(600) % 20 == 0).astype(int)
    Path("rare.csv").write_text(rows(reviews(0, label), label))
    truth = np.arange(400) % 2
    Path("new.csv").write_text(rows(reviews(1, truth), truth))
    recall = {}
    for weight in (None, "balanced"):
        model, train = {"embedding": {"init": init}}, {"class_weight": weight}
        outcome = train_model(write_config(data={"source": "rare.csv"}, model=model, train=train))
        recall[weight] = evaluate_on(load_model(outcome.model), "new.csv").scores["recall"]
    assert recall[None] < 0.3
    assert recall["balanced"] > recall[None] + 0.3


# Validation


PLAIN = {"embedding": {"init": "linear"}}  # a single network, whatever suits the texts


def noted(write_config, text: str, **data) -> list[str]:
    Path("reviews.csv").write_text(text)
    return list(prepare.prepare(write_config(data={"source": "reviews.csv"} | data, model=PLAIN)).notes)


def test_few_validation_reviews_are_noted(write_config):
    texts, label = [f"film {i}" for i in range(20)], np.arange(20) % 2
    assert noted(write_config, rows(texts, label)) == [
        "only 2 validation reviews: the scores, the best epoch and the calibration of the probabilities depend on "
        "chance; give more reviews, or hold out more with --set data.validation=0.3",
    ]
    for train, chosen in (
        ({"epochs": 1}, ""),
        ({"epochs": 1, "seeds": 2}, ", the best seed"),
        ({"epochs": 2, "members": 2}, ""),
    ):
        config = write_config(data={"source": "reviews.csv"}, train=train, model=PLAIN)
        (note,) = prepare.prepare(config).notes
        assert note.startswith(f"only 2 validation reviews: the scores{chosen} and the calibration of the prob"), (
            settings
        )
    texts, label = [f"film {i}" for i in range(100)], np.arange(100) % 2
    assert noted(write_config, rows(texts, label), validation=0.4) == []


def test_repeated_validation_reviews_are_noted_and_do_not_calibrate(write_config):
    texts, label = [f"film {i}" for i in range(20)] * 20, [*np.arange(20) % 2] * 20
    repeated = [
        "40 of 40 validation reviews also occur in the training data",
        "the 40 validation reviews are 17 distinct texts: repeated reviews make the intervals too narrow",
    ]
    assert noted(write_config, rows(texts, label)) == repeated  # cross-validation tells the calibration
    config = write_config(data={"source": "reviews.csv"}, train={"epochs": 3}, model=PLAIN)
    assert list(prepare.prepare(config).notes) == [
        *repeated,
        "no validation review differs clearly from all training reviews: the calibration of the probabilities depends "
        "on chance; validate on other reviews with --set data.validation=FILE",
    ]


def test_copies_and_weights_are_no_evidence():
    texts = ["a", "b", " b", "c", "c", "d"]
    corpus = corpus_of(texts, np.zeros(6, np.int8))
    weight = data_corpus.independent_weights(corpus, np.array([5]))
    assert weight[5] == 0, "training has seen it"
    assert weight[1:5] == pytest.approx(weight[0]), "a copy counts as much as another review"
    assert weight.sum() == pytest.approx(25 / 9), "as much as less than three texts"
    heavy = corpus_of(["a", "b", "c", "d"], np.zeros(4, np.int8), np.array([1, 2, 2, 7]))
    once = data_corpus.independent_weights(heavy, np.array([3]))
    assert once == pytest.approx([weight[0], 2 * weight[0], 2 * weight[0], 0])
    assert not data_corpus.independent_weights(corpus, np.arange(6)).any()
