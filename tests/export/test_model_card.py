"""Model cards: what they say of runs, model files, refits and several classes, and what they must not say."""

from __future__ import annotations

import getpass
import json
import re
import shlex
import shutil
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from command import invoke
from runner import train_model

from sentibp.config.load import load_config
from sentibp.errors import ConfigError
from sentibp.export import model_card
from sentibp.export.card_subject import Subject, load_subject
from sentibp.export.model_card import About, write_card
from sentibp.model.file import load_model
from sentibp.runs.find import builtin_file
from sentibp.training.validation_notes import FEW

SECRET = "zanzibar"  # a word of one review: no feature, for a word must occur twice


def header(text: str) -> dict:
    return yaml.safe_load(text.split("---\n")[1])


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run of an ensemble on a file in a folder with a name of its own, refit on all reviews."""
    folder = tmp_path_factory.mktemp("anna_secret")
    rows = [
        f"a {adjective} film number {i % 7},{label}"
        for i in range(40)
        for adjective, label in (("good", 1), ("bad", 0))
    ]
    rows[5] = f"the {SECRET} was good,1"
    (folder / "mine.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    with chdir(folder):
        settings = ["data.source=mine.csv", "train.epochs=1", "train.members=2", "train.refit=true"]
        invoke("train", "quickstart", "--quiet", "--out", "run", *[w for s in settings for w in ("--set", s)])
    return folder / "run"


def test_nothing_of_the_machine_and_no_text(run):
    for path in run / "model.safetensors", run / "validated.safetensors":
        card = write_card(path, About("ann/first"))
        said = card.text + json.dumps(card.facts)
        for secret in "anna_secret", SECRET, str(run.parent), str(Path.home()), getpass.getuser() + "/", "good film":
            assert secret not in said
        assert not re.search(r"(?<![\w:/.])/(home|root|tmp|Users|var)\b", said)


def test_a_refit_ensemble(run):
    facts = json.loads((run / "run.json").read_text())
    text = write_card(run / "model.safetensors").text
    assert facts["digest"] in text
    for part in "training", "validation":
        assert facts["data"][part]["fingerprint"] in text
    assert f"| final training | {facts['refit']['reviews']} |" in text
    assert "the average of 2 networks" in text
    assert "trained again on all reviews" in text
    assert "chose" not in text, "of networks that are averaged, the last epoch is kept"
    assert "trust the interval" in text
    assert "mine.csv" in text  # the name that the settings need
    assert "You need these files of the author" in text
    assert "language" not in header(text)


@pytest.mark.parametrize("refit", ["auto", "false"])
def test_scores_on_training_reviews_are_no_scores_of_held_out_ones(here, refit):
    """A card said that training had not learned from them, and the hub, that they were held out."""
    settings = ["data.validation=0", "train.epochs=1", f"train.refit={refit}"]
    invoke("train", "quickstart", "--quiet", "--out", "run", *[w for s in settings for w in ("--set", s)])
    assert json.loads(Path("run/run.json").read_text())["scored_on"] == "training"
    shutil.copy("run/model.safetensors", "alone.safetensors")
    without, alone = (write_card(Path(path)) for path in ("run/model.safetensors", "alone.safetensors"))
    for card in without, alone:
        assert "model-index" not in header(card.text)
        for false in "did not learn from", "fitted on the validation", "trained again":
            assert false not in card.text
    assert "This model was not scored on reviews that were held out." in without.text
    if refit == "auto":
        assert "This model was not scored on reviews that were held out." in alone.text
    else:  # as the file of a refit, whose reviews were held out
        assert "does not say whether they were held out from training." in alone.text


@pytest.mark.parametrize(
    ("settings", "used", "fitted"),
    [
        (["train.epochs=2"], "They chose the epoch and set the calibration, so expect slightly less", True),
        (["train.members=2", "train.epochs=2"], "They set the calibration, so expect slightly less", True),
        (["train.calibrate=false", "train.epochs=1"], "which training did not learn from.\n", False),
    ],
)
def test_what_the_validation_reviews_were_used_for(here, settings, used, fitted):
    invoke("train", "quickstart", "--quiet", "--out", "run", *[w for s in settings for w in ("--set", s)])
    text = write_card(Path("run/model.safetensors")).text
    assert used in text
    assert ("They were fitted on the validation reviews." in text) is fitted


def test_the_header_is_what_the_hub_reads(quickstart_run):
    from huggingface_hub import ModelCard

    scores = json.loads((quickstart_run / "run.json").read_text())["scores"]
    text = write_card(quickstart_run / "model.safetensors", About("ann/first", "mit", ("en", "de"))).text
    read = ModelCard(text).data
    assert (read.library_name, read.license, read.language) == ("sentibp", "mit", ["en", "de"])
    assert read.model_name == "first"
    results = {result.metric_type: result for result in read.eval_results}
    assert results["accuracy"].metric_value == scores["accuracy"]
    assert results["accuracy"].metric_args["interval"] == scores["accuracy_interval"]
    assert results["log_loss"].metric_value == scores["log_loss"]


@pytest.fixture(scope="module")
def quickstart_run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    with chdir(folder):
        invoke("train", "quickstart", "--quiet", "--out", "run")
    return folder / "run"


def test_the_commands_of_the_card_are_right(quickstart_run, here):
    """Those that use the model run; the one that trains gives the same file."""
    digest = json.loads((quickstart_run / "run.json").read_text())["digest"]
    shutil.copy(quickstart_run / "model.safetensors", here)
    (here / "reviews.csv").write_text("text\na good film\n")
    text = write_card(quickstart_run / "model.safetensors").text
    lines = [line for block in re.findall(r"^```bash\n(.*?)^```", text, re.S | re.M) for line in block.splitlines()]
    results = [invoke(*shlex.split(line)[1:]) for line in lines if line.startswith("sentibp ")]
    assert len(results) == 4
    assert results[-1].json["digest"] == digest
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
    exec(code, {})


def test_settings_that_are_no_shipped_config_are_in_the_card(quickstart_run, here):
    invoke("train", "quickstart", "--quiet", "--out", "run", "--set", "train.epochs=1")
    text = write_card(here / "run" / "model.safetensors").text
    (config,) = re.findall(r"^```yaml\n(.*?)^```", text, re.S | re.M)
    (here / "config.yaml").write_text(config)
    done = invoke("train", "config.yaml", "--json")
    assert done.json["digest"] in text
    assert "sentibp train quickstart" in write_card(quickstart_run / "model.safetensors").text


def test_a_model_file_alone(quickstart_run, here):
    shutil.copy(quickstart_run / "model.safetensors", here / "alone.safetensors")
    text = write_card(here / "alone.safetensors").text
    assert "does not say how many reviews" in text
    assert "95 % interval" in text


def test_what_comes_with_sentibp_is_named(here):
    """Its words were learned from reviews that are not among the author's."""
    Path("r.csv").write_text("text,label\n" + "works as it should,1\nbroken when it came,0\n" * 20)
    card = write_card(train_model(load_config("default", ["data.source=r.csv"])).model).text
    assert "The training started from what comes with sentibp: vectors of words (50,000 reviews of IMDB" in card
    assert "and a lexicon (in how many of the 25,000 training reviews of IMDB of each label a word occurs)." in card
    plain = train_model(load_config("default", ["data.source=r.csv", "pretrain.vectors=none"]))
    assert "comes with sentibp:" not in write_card(plain.model).text


def test_the_built_in_model():
    text = write_card(builtin_file()).text
    assert "-m builtin\n" in text
    assert header(text)["datasets"] == ["stanfordnlp/imdb", "cornell-movie-review-data/rotten_tomatoes"]


def test_a_model_file_alone_is_not_said_to_be_changed_unless_it_was_compressed(here, quickstart_run):
    shutil.copy(quickstart_run / "model.safetensors", "alone.safetensors")
    assert "after the training" not in write_card(Path("alone.safetensors")).text
    invoke("compress", "-m", "alone.safetensors", "--output", "small.safetensors")
    assert "The file was compressed after the training" in write_card(Path("small.safetensors")).text


def test_data_of_the_hub_are_no_files_of_the_author(here, new_classifier):
    for source in "imdb", "rotten_tomatoes", "reviews", "stanfordnlp/sst2", "sample":
        model = new_classifier(["a good film", "a bad film"], data={"source": source})
        (here / "hub.safetensors").write_bytes(model.to_bytes())
        assert "files of the author" not in write_card(here / "hub.safetensors").text


@pytest.mark.parametrize("name", ["format1", "format2", "format3", "format4", "format5", "format6", "compressed5"])
def test_old_and_compressed_models(name):
    text = write_card(Path(__file__).parent.parent / "golden" / f"{name}.safetensors").text
    assert header(text)["library_name"] == "sentibp"


@pytest.mark.parametrize("ordered", [True, False])
def test_names_of_classes_are_no_markup(here, new_classifier, ordered):
    odd = ["<b>bad</b>", "a|b", "`x` # y_z"]
    model = new_classifier(["a good film", "a bad film"], data={"labels": odd, "ordered": ordered})
    (here / "odd.safetensors").write_bytes(model.to_bytes())
    text = write_card(here / "odd.safetensors").text
    assert r"\<b\>bad\</b\>, a\|b, \`x\` \# y_z" in text
    assert ("sentiment-analysis" in text) == ("**Probes**" in text) == ordered
    assert "model-index" not in header(text)
    assert "````yaml\n" not in text  # the settings have one backtick only


def test_wrong_scores_of_a_stranger_are_left_out(here, quickstart_run):
    model = load_model(quickstart_run / "model.safetensors")
    scores = {"accuracy": "<b>", "log_loss": float("inf"), "n": None, "classes": [1], "accuracy_interval": ["a", 2]}
    (here / "odd.safetensors").write_bytes(replace(model, scores=scores).to_bytes())
    text = write_card(here / "odd.safetensors").text
    assert "<b>" not in text
    assert "model-index" not in header(text)


@pytest.fixture(scope="module")
def subject(quickstart_run) -> Subject:
    return load_subject(quickstart_run / "model.safetensors")


def facts_of(subject: Subject, settings: Sequence[str] = (), **info) -> dict:
    """Return the facts of the card, with other settings, and with other values in run.json."""
    config = load_config("quickstart", settings).config
    return model_card._facts(subject._replace(config=config, info={**subject.info, **info}), About())


@pytest.mark.parametrize(
    ("settings", "key", "says", "says_not"),
    [
        (["text.ngrams=1"], "network", "; single words", "phrases"),
        (["text.ngrams=3"], "network", "phrases of up to 3 words", "negated"),
        (["text.shifters=true"], "network", "weights of negated words", "average"),
        (["data.split=test"], "data_notes", "split test", "files of the author"),
        (["data.source=./sst2"], "data_notes", "files of the author", "Data: "),
        (["data.source=[imdb,ann/films:plain]"], "data_notes", "Data: stanfordnlp/imdb, ann/films:plain,", "files"),
        (["data.source=<memory>"], "data_notes", "in the memory of a Python program", "files of the author"),
        (["data.source=<memory>"], "reproduce", "help(sentibp.train)", "You need these files"),
        (["data.source=[a.csv,imdb]", "data.validation=b.csv"], "reproduce", "config.yaml: a.csv, b.csv.", "imdb"),
        (["data.source=a.csv", "data.validation=a.csv"], "reproduce", "config.yaml: a.csv.", "a.csv, "),
        (
            ["pretrain.vectors=words", "pretrain.dim=4", "pretrain.source=c.csv"],
            "reproduce",
            "config.yaml: c.csv.",
            "sample,",
        ),
        (["model.init_from=hf://ann/x@0123456789"], "reproduce", "Save the settings below", "You need these files"),
        (["model.init_from=m.safetensors"], "reproduce", "config.yaml: m.safetensors.", "the built-in"),
        (["model.init_from=m.safetensors"], "data_notes", "from other weights: model.init_from", "comes with"),
        (["pretrain.vectors=words", "pretrain.dim=4"], "data_notes", "Data: sample", "comes with sentibp: "),
        ([], "reproduce", "train quickstart --json", "Save the settings"),
        ([], "versions", "numpy", "code"),
    ],
    ids=str,
)
def test_what_the_settings_say(subject, settings, key, says, says_not):
    said = str(facts_of(subject, settings)[key])
    assert says in said
    assert says_not not in said


@pytest.mark.parametrize(
    ("scores", "is_chance", "are_few"),
    [
        ({"n": FEW - 1}, True, True),
        ({"n": FEW}, False, True),
        ({"n": 10 * FEW - 1}, False, True),
        ({"n": 10 * FEW}, False, False),
        ({"n": 10 * FEW, "effective_n": 12.3}, True, True),
    ],
)
def test_scores_of_few_reviews_are_said_to_be_chance(subject, scores, is_chance, are_few):
    facts = facts_of(subject, scores={"calibration_error": 0.1, **scores})
    assert ("this number is chance" in facts["calibration"]) is is_chance
    assert facts["limits"][0].startswith("The scores are of ") is are_few
    assert ("with weights, worth 12 of equal weight" in facts["scored_on"]) is ("effective_n" in scores)


def test_caveats_of_the_scores_are_said(subject):
    facts = facts_of(subject, caveats=["the same films are in both", None])
    assert "say less of new reviews than their number suggests: The same films are in both." in facts["scored_on"]


def test_the_counts_of_probes_add_up(subject):
    facts = facts_of(subject)
    *kinds, all_ = facts["probes"]
    assert [all_["n"], all_["passed"]] == [sum(each[key] for each in kinds) for key in ("n", "passed")]
    negation = [each for each in kinds if each["kind"] in ("negation", "further negation")]
    pairs, passed = (sum(each[key] for each in negation) for key in ("n", "passed"))
    assert f"Negation: {passed} of {pairs} pairs " in str(facts["limits"])
    assert [bool(row["note"]) for row in facts["scores"]] == [row["name"] == "accuracy" for row in facts["scores"]]


def test_settings_with_marks_of_a_block_of_code_stay_in_theirs(subject):
    facts = facts_of(subject, ["data.source=a````b.csv"])
    assert facts["fence"] == "`````"


def test_the_model_before_a_refit(run, subject):
    alone = model_card._facts(subject._replace(info={}, is_refit=True), About())
    assert "The settings are those of the final training on all data" in str(alone["reproduce"])
    facts = write_card(run / "validated.safetensors").facts
    assert "This is the model before the final training on all data" in str(facts["reproduce"])
    assert "trained again on all reviews" not in str(facts["data_notes"])


def test_a_model_that_replaced_that_of_a_run_is_told(run, quickstart_run, here, capsys):
    shutil.copytree(run, here / "run")
    shutil.copy(quickstart_run / "model.safetensors", here / "run")
    card = write_card(here / "run" / "model.safetensors")
    assert "not the model that run.json beside it records; the card is of the file alone" in capsys.readouterr().err
    assert "does not say how many reviews" in card.text


@pytest.mark.parametrize(
    "about", [About(license="apache-2.0"), About(languages=("pt-BR", "multilingual")), About("ann/x"), About()]
)
def test_right_options(about):
    card = write_card(builtin_file(), about)
    found = header(card.text)
    assert found["license"] == (about.license or "unknown")
    assert found["language"] == list(about.languages or ("en",))
    assert card.facts["model_name"] == ("hf://ann/x" if about.repository else "builtin")
    (results,) = found["model-index"][0]["results"]
    assert results["dataset"] == {"name": "held-out reviews", "type": "reviews"}, "of two data sets"
    assert results["metrics"][0]["args"]["confidence"] == 0.95
    assert len(set(found["metrics"])) == len(found["metrics"])


@pytest.mark.parametrize("about", [About(license="MIT License"), About(languages=("English",)), About("no")])
def test_wrong_options(about):
    with pytest.raises(ConfigError, match="write"):
        write_card(builtin_file(), about)


def test_the_command(here, quickstart_run):
    shown = invoke("card", quickstart_run)
    done = invoke("card", "-m", quickstart_run, "--output", "card.md")
    assert (here / "card.md").read_text() == shown.out == invoke("card", quickstart_run, "--output", "-").out
    assert "replace it with --force" in invoke("card", quickstart_run, "--output", "card.md", code=2).err
    (here / "model.markdown").symlink_to(quickstart_run / "model.safetensors")
    assert "is the model" in invoke("card", quickstart_run, "--output", "model.markdown", "--force", code=2).err
    assert done.out.startswith("card.md  ")
    facts = invoke("card", quickstart_run, "--json").json
    assert facts["digest"] in shown.out
    assert "two models" in invoke("card", "a", "-m", "b", code=2).err
    assert "let the name end in" in invoke("card", quickstart_run, "--output", "card.pdf", code=2).err
