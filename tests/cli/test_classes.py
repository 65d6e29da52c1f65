"""Other classes, from the terminal: three labels, five stars, topics without an order (also two), and each head."""

from __future__ import annotations

import importlib.util
import itertools
import json
import math
import random
import re
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from command import invoke

WORDS = {
    "three": {"negative": "awful dull", "neutral": "long average", "positive": "lovely superb"},
    "stars": {"1": "awful", "2": "dull", "3": "average", "4": "nice", "5": "superb"},
    "topics": {"food": "soup bread", "price": "cheap bill", "service": "waiter polite"},
    "pair": {"Billing": "invoice refund", "Bug": "crash freeze"},
}
CLASSES = {
    "three": ["--set", "data.labels=[negative,neutral,positive]"],
    "stars": ["--set", "data.labels=[1,2,3,4,5]"],
    "topics": ["--set", "data.labels=[food,price,service]", "--set", "data.ordered=false"],
    "pair": ["--set", "data.labels=[Billing,Bug]", "--set", "data.ordered=false"],
}
QUICK = ["--quiet", "--set", "train.epochs=2", "--set", "text.ngrams=1", "--set", "train.batch_size=16"]


def reviews(kind: str, seed: int = 0, n: int = 240) -> str:
    """Return a CSV file of n reviews; one word in five is of another class."""
    draw, rows = random.Random(seed), ["text,label"]
    for label in itertools.islice(itertools.cycle(WORDS[kind]), n):
        other = draw.choice(list(WORDS[kind]))
        words = [draw.choice(WORDS[kind][each].split()) for each in (label, label, label, other)]
        rows.append(f"{draw.choice(['a', 'the', 'this'])} {' '.join(words)} {draw.choice(['one', 'evening'])},{label}")
    return "\n".join(rows) + "\n"


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Return a folder with reviews, three.csv and so on, and a run of each kind: three, stars, topics, pair."""
    from contextlib import chdir

    folder = tmp_path_factory.mktemp("classes")
    with chdir(folder):
        for kind in WORDS:
            Path(f"{kind}.csv").write_text(reviews(kind))
            Path(f"{kind}-new.csv").write_text(reviews(kind, seed=1, n=90))
            invoke("train", "quickstart", *QUICK, *source(kind), "--out", kind)
    return folder


@pytest.fixture
def there(models, monkeypatch):
    monkeypatch.chdir(models)
    return models


def refused(code: int, *args: object) -> str:
    """Return what a command says that must fail."""
    done = invoke(*args, code=code)
    assert done.out == ""
    return done.err.removesuffix("\n")


def source(kind: str) -> list[str]:
    return ["--set", f"data.source={kind}.csv", *CLASSES[kind]]


# --- train ----------------------------------------------------------------------------------------------------


def test_the_lines_of_a_training(there, tmp_path):
    done = invoke("train", "quickstart", *QUICK[1:], *source("three"), "--out", tmp_path / "run")
    number = r"\d\.\d{4}"
    assert re.search(
        rf"\nepoch 2/2: training loss {number}; validation accuracy {number}, log loss {number}\n", done.err
    )
    assert re.match(
        rf"validation  accuracy {number} \[{number}, {number}\], macro-F1 {number}, MAE {number}, log loss {number}, "
        r"n 24\n",
        done.out,
    )
    topics = invoke("train", "quickstart", *QUICK, *source("topics"), "--out", tmp_path / "topics")
    assert "macro-F1" in topics.out
    assert "MAE" not in topics.out, "they have no order"


@pytest.mark.parametrize(("kind", "output"), [("three", "softmax"), ("stars", "cumulative"), ("stars", "softmax")])
@pytest.mark.parametrize("extra", [[], ["--set", "train.members=2"], ["--set", "train.class_weight=balanced"]])
def test_every_head_learns(there, tmp_path, kind, output, extra):
    run = tmp_path / "run"
    invoke("train", "quickstart", *QUICK, *source(kind), "--set", f"model.output={output}", *extra, "--out", run)
    scores = invoke("eval", run, "--data", f"{kind}-new.csv", "--json").json
    assert scores["accuracy"] > 0.6
    assert scores["mae"] < 0.6
    row = invoke("predict", "-m", run, "this superb superb lovely evening").jsonl[0]
    assert math.fsum(row["probabilities"].values()) == pytest.approx(1)
    assert row["label"] == {"three": "positive", "stars": "5"}[kind]


def test_a_killed_training_resumes_to_the_same_bytes(start, there, tmp_path, monkeypatch):
    """Two networks with a scale. tests/training/test_classes.py has the other outputs, ended by an exception."""
    shutil.copy("stars.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    long = ["train", "quickstart", *source("stars"), "--set", "model.output=scale", "--set", "train.members=2"]
    long += ["--set", "train.epochs=20", "--set", "train.checkpoint.every_steps=10"]
    for _ in range(5):
        shutil.rmtree("run", ignore_errors=True)
        running = start(*long, "--out", "run")
        while running.poll() is None and not Path("run/checkpoint.safetensors").exists():
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        if running.returncode == -9:
            break
    assert "\nresumes after step " in invoke("train", "--resume", "run").err
    invoke("train", *long[1:], "--out", "whole", "--quiet")
    for name in ("model.safetensors", "validation.parquet", "metrics.jsonl"):
        assert (Path("run") / name).read_bytes() == (Path("whole") / name).read_bytes()


def test_a_refit_of_several_classes(there, tmp_path):
    run = tmp_path / "run"
    done = invoke("train", "quickstart", *QUICK, *source("stars"), "--set", "train.refit=true", "--out", run, "--json")
    assert done.json["refit"]["reviews"] == 240
    scores = invoke("eval", run, "--json")
    assert scores.json["n"] == 25
    assert "scored" in scores.err


def test_a_weight_of_a_class_makes_its_label_more_frequent(there, tmp_path):
    shares = []
    for weight in (0.05, 20):
        run = tmp_path / str(weight)
        invoke(
            "train",
            "quickstart",
            *QUICK,
            *source("three"),
            "--set=data.group_similar=false",  # else all answers are right, whatever the weight
            "--set",
            f"train.class_weight.neutral={weight}",
            "--out",
            run,
        )
        confusion = invoke("eval", run, "--data", "three-new.csv", "--json").json["confusion"]
        shares.append(sum(row["neutral"] for row in confusion.values()))
    assert shares[0] < shares[1]


def test_labels_of_built_in_data_beside_three_classes(there, tmp_path):
    three = ["--set", "data.source=[sample,three.csv]"]
    run = tmp_path / "run"
    invoke("train", "quickstart", *QUICK, *three, *CLASSES["three"], "--out", run)
    counts = invoke("eval", run, "--data", "sample", "--json").json["classes"]
    assert [each["n"] for each in counts.values()] == [40, 0, 40]
    assert refused(3, "train", "quickstart", *QUICK, "--set", "data.source=[sample,stars.csv]", *CLASSES["stars"]) == (
        "sample: its labels are negative and positive, and data.labels has no class negative and no positive; name the "
        "classes of the others so, or leave it out of data.source"
    )


def test_the_order_of_classes_that_their_names_do_not_tell(there, tmp_path):
    def notes(kind, *extra):
        args = ["--set", f"data.source={kind}.csv", *extra, "--dry-run"]
        return [line for line in invoke("train", "quickstart", *args).err.splitlines() if "in order" in line]

    given = ["--set", "data.labels=[food,price,service]"]
    assert notes("topics", *given) == [
        "data.labels: taken as in order, from food, the worst, to service, the best; if they have no order, write "
        "--set data.ordered=false (true: they are in order)"
    ]
    for ordered in ("true", "false"):
        assert not notes("topics", *given, "--set", f"data.ordered={ordered}")
    assert not notes("three", *CLASSES["three"])
    assert not notes("stars", *CLASSES["stars"])


def test_a_start_from_a_trained_model(there, tmp_path, quickstart):
    two = ["--set", f"model.init_from={quickstart}"]
    assert "accuracy" in invoke("train", "quickstart", *QUICK, *source("stars"), *two, "--out", tmp_path / "a").out
    said = refused(2, "train", "quickstart", *QUICK, *source("stars"), *two, "--set", "model.output=softmax")
    assert said == (
        "model.init_from: that model has the classes negative, positive (sigmoid), and this config 1, 2, 3, 4, 5 "
        "(softmax); a model of two classes can be the start with --set model.output=scale"
    )
    said = refused(2, "train", "quickstart", *QUICK, *source("topics"), "--set", "model.init_from=stars")
    assert said.endswith("; train both with the same data.labels and model.output")
    again = ["--set", "model.init_from=stars"]
    assert "accuracy" in invoke("train", "quickstart", *QUICK, *source("stars"), *again, "--out", tmp_path / "b").out


@pytest.mark.parametrize("output", ["scale", "softmax"])
def test_the_gradients_of_a_model_with_a_linear_member(there, tmp_path, output):
    """Most words say little of neutrality, so that its units are at 0 in many reviews, where ReLU has no derivative."""
    linear = ["--set", "train.linear_member=true", "--set", f"model.output={output}"]
    invoke("train", "three", "--quiet", *linear, "--out", tmp_path / "run")
    assert "no error is over" in invoke("gradcheck", "-m", tmp_path / "run").out


# --- predict --------------------------------------------------------------------------------------------------


def test_the_answer_of_three_classes(there):
    row = invoke("predict", "-m", "three", "a superb superb one").jsonl[0]
    assert list(row) == ["text", "label", "score", "probabilities", "place", "tokens", "unknown"]
    assert list(row["probabilities"]) == ["negative", "neutral", "positive"]
    assert row["label"] == "positive"
    assert row["score"] == row["probabilities"]["positive"] == max(row["probabilities"].values())
    assert row["place"] == pytest.approx(row["probabilities"]["positive"] + row["probabilities"]["neutral"] / 2)
    nothing = invoke("predict", "-m", "three", "zzz").jsonl[0]
    assert nothing["note"] == "no known word"
    line = invoke("predict", "-m", "three", "--format", "table", "a superb superb one").out
    assert line == f"positive  {row['score']:.4f}  a superb superb one\n"


def test_the_answer_of_stars_and_of_topics(there):
    row = invoke("predict", "-m", "stars", "a superb superb one").jsonl[0]
    assert list(row) == ["text", "label", "score", "probabilities", "place", "expected", "tokens", "unknown"]
    assert row["expected"] == pytest.approx(sum(int(name) * p for name, p in row["probabilities"].items()))
    assert row["expected"] == pytest.approx(1 + 4 * row["place"])
    topics = invoke("predict", "-m", "topics", "cheap bill").jsonl[0]
    assert list(topics) == ["text", "label", "score", "probabilities", "tokens", "unknown"]
    assert topics["label"] == "price"


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_a_table_has_a_column_for_each_class(there, tmp_path, suffix):
    Path(tmp_path / "in.csv").write_text("text,place,positive\na superb one,7,x\nzzz,8,y\n")
    out = tmp_path / f"out.{suffix}"
    done = invoke("predict", "-m", "stars", "-i", tmp_path / "in.csv", "-o", out)
    assert (
        done.err
        == f"the input has a column 'place': the prediction's is called 'predicted_place'\n{out}: 2 rows written\n"
    )
    names = ["text", "place", "positive", "label", "score", *(f"probability_{i}" for i in range(1, 6))]
    names += ["predicted_place", "expected", "tokens", "unknown", "note"]
    if suffix == "parquet":
        table = pq.read_table(out)
        assert table.column_names == names
        rows = table.to_pylist()
        assert isinstance(rows[0]["probability_1"], float)
    else:
        header, *lines = [line.split("," if suffix == "csv" else "\t") for line in out.read_text().splitlines()]
        assert header == names
        rows = [dict(zip(header, line, strict=True)) for line in lines]
    answers = invoke("predict", "-m", "stars", "-i", tmp_path / "in.csv", "--no-keep").jsonl
    for row, answer in zip(rows, answers, strict=True):
        assert [float(row[f"probability_{i}"]) for i in range(1, 6)] == list(answer["probabilities"].values())
        assert float(row["predicted_place"]) == answer["place"]
    assert rows[1]["note"] == "no known word"


def test_standard_input_and_an_empty_file(there, tmp_path):
    rows = invoke("predict", "-m", "three", "-i", "-", stdin="superb\nawful\n").jsonl
    assert [row["label"] for row in rows] == ["positive", "negative"]
    (tmp_path / "in.csv").write_text("text\n")
    out = invoke("predict", "-m", "topics", "-i", tmp_path / "in.csv", "--format", "json").out
    assert json.loads(out) == []


def test_a_threshold(there, quickstart):
    row = invoke("predict", "-m", "three", "average dull").jsonl[0]
    p = row["probabilities"]
    for name in p:
        for least in (p[name], p[name] + 1e-6):
            answer = invoke("predict", "-m", "three", "average dull", "--threshold", f"{name}={least!r}").jsonl[0]
            others = {other: each for other, each in p.items() if other != name}
            assert answer["label"] == (name if p[name] >= least else max(others, key=lambda other: others[other]))
            assert answer["score"] == p[answer["label"]]
            assert answer["probabilities"] == p
    positive = invoke("predict", "-m", quickstart, "I love this movie").jsonl[0]["positive"]
    for option, label in (
        (f"{positive!r}", "positive"),
        ("1", "negative"),
        (f"negative={1 - positive - 1e-9!r}", "negative"),
    ):
        answer = invoke("predict", "-m", quickstart, "I love this movie", "--threshold", option).jsonl[0]
        assert (answer["label"], answer["positive"]) == (label, positive)
        assert answer["score"] == pytest.approx(positive if label == "positive" else 1 - positive)


def test_costs(there):
    probability = invoke("predict", "-m", "stars", "average dull superb").jsonl[0]["probabilities"]
    p, names = np.array(list(probability.values())), list(probability)
    far = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    alarm = np.where(far, 1, 0) + 9 * (np.arange(5) > 0)[None, :] * (np.arange(5) == 0)[:, None]
    for option, cost in (("distance", far), ("squared", far**2), (json.dumps(alarm.tolist()), alarm)):
        answer = invoke("predict", "-m", "stars", "average dull superb", "--cost", option).jsonl[0]
        assert answer["label"] == names[int(np.argmin(p @ cost))]
    assert invoke("predict", "-m", "stars", "superb", "--cost", json.dumps((1 - np.eye(5)).tolist())).jsonl == (
        invoke("predict", "-m", "stars", "superb").jsonl
    )


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        ("three", ["--threshold", "0.7"], "of which class? write, for example, --threshold 'positive=0.7'"),
        (
            "three",
            ["--threshold", "good=0.7"],
            "the model has no such class, but negative, neutral, positive; did you mean --threshold positive=0.7?",
        ),
        (
            "three",
            ["--threshold", "neutral=70"],
            "'70' is no probability from 0 to 1; write, for example, --threshold 'neutral=0.7'",
        ),
        (
            "topics",
            ["--cost", "distance"],
            "the classes have no order; give a matrix, such as --cost '[[0,1,1],[1,0,1],[1,1,0]]'",
        ),
        ("three", ["--cost", "[[0,1],[1,0]]"], "not distance, squared, or 3 rows of 3 numbers"),
        ("three", ["--cost", "nonsense"], "not distance, squared, or 3 rows of 3 numbers"),
        ("three", ["--cost", "distance", "--threshold", "neutral=0.2"], "are two ways to decide; give one of them"),
    ],
)
def test_wrong_decisions(there, model, options, says):
    message = refused(2, "predict", "-m", model, "superb", *options)
    assert message.startswith("--")
    assert says in message


def test_python_gives_the_same_answers(there):
    import sentibp

    classifier = sentibp.load_model("stars")
    texts = sentibp.to_arrow(["superb", "dull average"])
    assert classifier.answers(texts) == invoke("predict", "-m", "stars", "superb", "dull average", "--no-keep").jsonl
    assert classifier.predict(texts).positive.shape == (2, 5)
    assert classifier.answers(texts, cost="distance") == (
        invoke("predict", "-m", "stars", "superb", "dull average", "--no-keep", "--cost", "distance").jsonl
    )
    assert classifier.answers(texts, threshold="5=0")[1]["label"] == "5"


# --- eval -----------------------------------------------------------------------------------------------------


def test_the_scores_of_three_classes(there):
    scores = invoke("eval", "three", "--data", "three-new.csv", "--json").json
    first = "n accuracy accuracy_interval macro_f1 mae quadratic_weighted_kappa ranked_probability_score log_loss"
    assert list(scores)[:10] == [*first.split(), "brier", "calibration_error"]
    answers = [row["label"] for row in invoke("predict", "-m", "three", "-i", "three-new.csv", "--no-keep").jsonl]
    real = [line.rpartition(",")[2] for line in Path("three-new.csv").read_text().split()[1:] if "," in line]
    for right in CLASSES["three"][1].partition("[")[2][:-1].split(","):
        for said, count in scores["confusion"][right].items():
            assert count == sum(pair == (right, said) for pair in zip(real, answers, strict=True))
    text = invoke("eval", "three", "--data", "three-new.csv").out
    assert f"\nmacro f1                 {scores['macro_f1']:.4f}\n" in text
    recall = scores["classes"]["neutral"]
    assert re.search(rf"\nneutral +30 +{recall['precision']:.4f} +{recall['recall']:.4f} +{recall['f1']:.4f}\n", text)
    assert re.search(r"\ntrue \\ predicted +negative +neutral +positive\nnegative +\d+ +\d+ +\d+\n", text)
    unordered = invoke("eval", "topics", "--data", "topics-new.csv", "--json").json
    assert not {"mae", "quadratic_weighted_kappa", "ranked_probability_score"} & set(unordered)


def right_labels(file: str) -> list[str]:
    return [line.rpartition(",")[2] for line in Path(file).read_text().splitlines()[1:]]


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("three", ["--threshold", "neutral=0"]),
        ("three", ["--cost", "[[0,900,900],[1,0,1],[1,1,0]]"]),
        ("stars", ["--cost", "[[0,1,4,9,16],[1,0,1,4,9],[4,1,0,1,4],[9,4,1,0,1],[16,9,4,0,1]]"]),
        ("topics", ["--threshold", "price=0"]),
        ("pair", ["--threshold", "Billing=0"]),
        ("pair", ["--cost", "[[0,900],[1,0]]"]),
    ],
)
def test_the_scores_of_what_is_decided(there, model, options):
    """They are those of the labels that `predict` gives with the same options."""
    args = ["eval", model, "--data", f"{model}-new.csv", "--json"]
    scores, usual = invoke(*args, *options).json, invoke(*args).json
    out = invoke("predict", "-m", model, "-i", f"{model}-new.csv", "--no-keep", *options).jsonl
    names, pairs = list(scores["classes"]), [*zip(right_labels(f"{model}-new.csv"), out, strict=True)]
    for right, row in scores["confusion"].items():
        assert row == {name: sum((y, each["label"]) == (right, name) for y, each in pairs) for name in names}
    assert scores["accuracy"] == pytest.approx(np.mean([y == each["label"] for y, each in pairs]))
    assert scores["confusion"] != usual["confusion"]
    for name in {"log_loss", "brier", "calibration_error", "ranked_probability_score"} & set(scores):
        assert scores[name] == usual[name]
    if model not in ("topics", "pair"):
        far = [abs(names.index(y) - names.index(each["label"])) for y, each in pairs]
        assert scores["mae"] == pytest.approx(np.mean(far))


def test_two_classes_are_scored_by_a_threshold(quickstart, there):
    args = ["eval", quickstart, "--data", "sample", "--split", "test", "--json"]
    scores, usual = invoke(*args, "--threshold", "0.9").json, invoke(*args).json
    assert scores["recall"] < usual["recall"]
    assert (scores["roc_auc"], scores["log_loss"]) == (usual["roc_auc"], usual["log_loss"])
    assert invoke(*args, "--threshold", "0.5").json == usual == invoke(*args, "--cost", "[[0,1],[1,0]]").json
    paired = invoke(*args, "--against", quickstart, "--threshold", "0.9").json
    assert paired["accuracy"] == paired["against"]["accuracy"] == scores["accuracy"]
    met = invoke(*args, "--threshold", "0.9", "--fail-under", f"recall={usual['recall']}", code=1)
    assert "--fail-under recall=" in met.err


def test_two_models_are_compared_by_what_is_decided(there, tmp_path):
    args = ["eval", "stars", "--data", "stars-new.csv", "--json", "--cost", "[[0,0,0,0,0]" + ",[9,9,9,9,9]" * 4 + "]"]
    done = invoke(*args, "--against", "stars").json  # every label costs the same: the first is decided on
    assert done["accuracy"] == pytest.approx(0.2)
    assert done["paired"]["a_only"] == done["paired"]["b_only"] == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--threshold", "0.7"], "of which class? write, for example, --threshold 'positive=0.7'"),
        (["--threshold", "neutral=0.2", "--cost", "distance"], "are two ways to decide; give one of them"),
        (["--probes", "--threshold", "neutral=0.2"], "has its own texts, and scores one model; leave out --threshold"),
    ],
)
def test_wrong_decisions_of_eval(there, options, says):
    assert says in refused(2, "eval", "three", *options)


@pytest.mark.parametrize(
    "metric", ["accuracy", "macro_f1", "mae", "quadratic_weighted_kappa", "ranked_probability_score"]
)
def test_a_bound_for_each_score(there, tmp_path, metric):
    rows = Path("three-new.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    label = rows[1].rstrip().rpartition(",")[2]  # also of some other texts, so that no score is perfect
    rows[2:9] = [f"{row.rstrip().rpartition(',')[0]},{label}\n" for row in rows[2:9]]
    (tmp_path / "new.csv").write_text("".join(rows), encoding="utf-8")
    args = ["eval", "three", "--data", tmp_path / "new.csv", "--json"]
    value = invoke(*args).json[metric]
    worse = 0.01 if metric in ("mae", "ranked_probability_score") else -0.01
    assert invoke(*args, "--fail-under", f"{metric}={value + worse}").code == 0
    assert f"--fail-under {metric}=" in invoke(*args, "--fail-under", f"{metric}={value - worse}", code=1).err


def test_two_models_of_the_same_classes(there, tmp_path):
    invoke(
        "train", "quickstart", *QUICK, *source("three"), "--set", "model.output=softmax", "--out", tmp_path / "other"
    )
    done = invoke("eval", "three", "--against", tmp_path / "other", "--data", "three-new.csv", "--json").json
    assert set(done["paired"]) == {"a_only", "b_only", "difference", "p_value"}
    n = done["n"]
    assert done["accuracy"] - done["against"]["accuracy"] == pytest.approx(done["paired"]["difference"])
    assert n == 90
    message = refused(2, "eval", "three", "--against", "stars", "--data", "three-new.csv")
    assert message == (
        "the first model has the classes negative, neutral, positive, and the second 1, 2, 3, 4, 5; compare models of "
        "the same classes, in the same order"
    )
    compared = invoke("runs", "compare", "three", tmp_path / "other", "--json").json
    assert compared["settings"]["model.output"] == ["auto", "softmax"]
    assert {"macro_f1", "mae"} <= compared["scores"].keys()
    assert compared["paired"] is not None
    listed = invoke("runs", "list", ".", "--json").json
    assert len(listed) == 4
    assert all(run["accuracy"] is not None for run in listed)


def test_data_with_other_labels(there, tmp_path):
    """The labels are put into the lists of the classes where that is known."""
    (tmp_path / "numbers.csv").write_text(
        reviews("three", 1, 30).replace("negative", "0").replace("neutral", "1").replace("positive", "2")
    )
    message = refused(3, "eval", "three", "--data", tmp_path / "numbers.csv")
    mapping = "data.labels={negative: [negative, 0], neutral: [neutral, 1], positive: [positive, 2]}"
    assert message.endswith(f"write them into its lists: --set '{mapping}'")
    assert invoke("eval", "three", "--data", tmp_path / "numbers.csv", "--set", mapping, "--json").json["n"] == 30
    two = "data.labels={negative: [negative], positive: [positive, neutral]}"
    message = refused(2, "eval", "three", "--data", "three-new.csv", "--set", two)
    assert message.startswith(
        "the labels of the reviews are negative, positive, and the classes of the model negative, "
    )
    low = ["--set", "data.labels={low: [1, 2], middle: [3], high: [4, 5]}", "--set", "data.ordered=true"]
    invoke("train", "quickstart", *QUICK, "--set", "data.source=stars.csv", *low, "--out", tmp_path / "g")
    (tmp_path / "named.csv").write_text("text,label\nsuperb,high\nawful,low\naverage,middle\n")
    done = invoke("eval", tmp_path / "g", "--data", tmp_path / "named.csv", "--json")
    assert done.json["n"] == 3
    assert "labels by the names of the classes, as data.labels of the training lists none" in done.err


def test_init_offers_a_class_for_each_label(there, tmp_path):
    """If nothing says which are negative and positive, it is what the config has."""
    why = "# instead of two classes, one for each label, from the worst to the best"
    for kind, line in {
        "stars": f"  # labels: [1, 2, 3, 4, 5]  {why}",
        "topics": "  ordered: false  # remove it if you put them in order, from the worst to the best",
    }.items():
        invoke("init", f"{kind}.csv", "--out", tmp_path / f"{kind}.yaml")
        config = (tmp_path / f"{kind}.yaml").read_text()
        assert f"\n{line}\n" in config
    text = (tmp_path / "stars.yaml").read_text()
    start, end = text.index("  labels:"), text.index("  validation:")
    (tmp_path / "five.yaml").write_text(text[:start].replace("# labels:", "labels:") + text[end:])
    run = tmp_path / "run"
    assert invoke("train", tmp_path / "five.yaml", "--quiet", "--out", run, "--json").json["scores"][
        "classes"
    ].keys() == {*"12345"}


def test_classes_whose_long_names_begin_alike_are_told_apart(there, tmp_path):
    classes = [f"Electronics and computers/{name}" for name in ("phones", "cameras", "screens")]
    rows = [f"{['call', 'lens', 'pixel'][i % 3]} {i},{classes[i % 3]}\n" for i in range(90)]
    (tmp_path / "shop.csv").write_text("text,label\n" + "".join(rows))
    labels = ["--set", f"data.labels={json.dumps(classes)}", "--set", "data.ordered=false"]
    source = ["--set", f"data.source={tmp_path / 'shop.csv'}"]
    invoke("train", "quickstart", *QUICK, *source, *labels, "--out", tmp_path / "shop")
    for command in ["explain", "a lens"], ["words", "top"]:
        out = invoke(*command, "-m", tmp_path / "shop").out
        for ending in "phones", "cameras", "screens":
            assert re.search(rf"Elec?t?r?…\S*{ending}\b", out), (command, ending)


# --- compress -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WORDS)
def test_a_compressed_model_of_several_classes(there, tmp_path, kind):
    """All classes stay, the answers hardly change, and every command reads the file."""
    out, data = tmp_path / "small.safetensors", ["--data", f"{kind}-new.csv"]
    result = invoke("compress", kind, "--max-size", "5kB", "--output", out, *data, "--json").json
    assert out.stat().st_size == result["after"]["bytes"] <= 5_000
    assert result["after"]["accuracy"] >= result["before"]["accuracy"] - 0.1
    scores = invoke("eval", out, *data, "--json").json
    assert scores["macro_f1"] == result["after"]["macro_f1"]
    assert list(scores["classes"]) == list(invoke("eval", kind, *data, "--json").json["classes"])
    text = "superb dull evening"
    small, whole = (invoke("predict", "-m", each, text).jsonl[0]["probabilities"] for each in (out, kind))
    assert small == pytest.approx(whole, abs=0.1)
    for command in (["explain", text], ["words", "top"], ["trace", text, "--label", next(iter(WORDS[kind]))]):
        assert invoke(*command, "-m", out).out


@pytest.mark.parametrize("kind", WORDS)
def test_a_compressed_model_has_the_probes_of_eval_or_none(there, tmp_path, kind):
    """Three classes have more of them than two, and classes without an order none, in both commands."""
    out = tmp_path / "small.safetensors"
    done = invoke("compress", kind, "--max-size", "5kB", "--output", out)
    again = ["compress", kind, "--max-size", "5kB", "--output", out, "--force", "--json"]
    report = invoke(*again).json
    if kind in ("topics", "pair"):
        assert "no order" in refused(2, "eval", "--probes", "-m", out)
        assert "probes" not in done.out and "probes" not in report["before"].keys() | report["after"].keys()
        return
    probes = invoke("eval", "--probes", "-m", out, "--json").json
    assert report["after"]["probes"] == {"n": probes["n"], "passed": probes["passed"]}
    assert f"{probes['passed']} of {probes['n']}" in done.out


# --- two classes with names of their own


def test_many_classes_with_long_names_fit_a_terminal(sentibp, terminal):
    """Above the columns are the numbers of the classes there, and in a pipe their names."""
    names = [f"{kind} of the {thing} in the north" for kind in ("delivery", "price", "quality") for thing in "abcd"]
    rows = [f"{word} {i % 7} times,{name}" for i in range(9) for word, name in zip("abcdefghijkl", names, strict=True)]
    Path("many.csv").write_text("\n".join(["text,label", *rows, ""]))
    options = ["--set", f"data.labels={json.dumps(names)}", "--set", "data.ordered=false", *QUICK]
    sentibp("train", "quickstart", "--set", "data.source=many.csv", *options, "--out", "run")
    shown = terminal("eval", "run", "--data", "many.csv").out.splitlines()
    assert max(map(len, shown)) <= 80
    head = next(line for line in shown if line.startswith("true \\ predicted"))
    assert head.split()[3:] == [str(number) for number in range(1, 13)]
    matrix = shown[shown.index(head) + 1 :][:12]
    piped = sentibp("eval", "run", "--data", "many.csv").out.splitlines()
    wide = next(line for line in piped if line.startswith("true \\ predicted"))
    assert re.split(r" {2,}", wide)[1:] == names
    counts = [line.split()[-12:] for line in piped[piped.index(wide) + 1 :][:12]]
    assert [line.split()[-12:] for line in matrix] == counts
    for number, (name, line) in enumerate(zip(names, matrix, strict=True), 1):
        assert re.match(rf" *{number} {name[:5]}", line)
    assert len({line[:30] for line in matrix}) == 12, "names that begin alike can be told apart"


def test_two_topics_keep_their_names(there, tmp_path):
    """They are answered with their names everywhere: no bug is called positive."""
    row = invoke("predict", "-m", "pair", "the crash").jsonl[0]
    assert list(row) == ["text", "label", "score", "probabilities", "tokens", "unknown"]
    assert row["label"] == "Bug"
    assert list(row["probabilities"]) == ["Billing", "Bug"]
    assert math.fsum(row["probabilities"].values()) == pytest.approx(1)
    low = invoke("predict", "-m", "pair", "the crash", "--threshold", "Billing=0").jsonl[0]
    assert low["label"] == "Billing"
    scores = invoke("eval", "pair", "--data", "pair-new.csv", "--json").json
    assert list(scores["classes"]) == ["Billing", "Bug"]
    assert scores["accuracy"] > 0.8
    assert "positive" not in json.dumps(invoke("explain", "-m", "pair", "the crash", "--json").json)


def test_two_topics_are_the_same_in_an_export(there, tmp_path):
    invoke("export", "pair", "--to", "python", "--output", tmp_path / "pair.py")
    spec = importlib.util.spec_from_file_location("pair_of_topics", tmp_path / "pair.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for text in ("the crash", "an invoice", "nothing known"):
        there_, here = module.predict(text), invoke("predict", "-m", "pair", "--no-keep", text).jsonl[0]
        assert list(there_) == list(here)
        assert there_["label"] == here["label"]
        assert there_["probabilities"] == pytest.approx(here["probabilities"], abs=1e-6)


def test_two_topics_from_a_file_need_one_setting(there, tmp_path):
    message = refused(3, "train", "quickstart", *QUICK, "--set", "data.source=pair.csv")
    option = "--set data.labels=[Billing,Bug] --set data.ordered=false"
    assert message.endswith(f"; for two classes without an order: {option}")
    invoke("train", "quickstart", *QUICK, "--set", "data.source=pair.csv", *option.split(), "--out", tmp_path / "run")
    assert f"add {option}\n" in invoke("init", "pair.csv", "--out", tmp_path / "pair.yaml").out
    message = refused(2, "train", "quickstart", *QUICK, *source("pair")[:-2])
    assert "(if they have no order: --set data.ordered=false)" in message


def test_two_topics_in_python(there):
    from sentibp import SentimentClassifier

    texts, labels = ["a crash", "an invoice"] * 30, ["Bug", "Billing"] * 30
    settings = {"Billing": ["Billing"], "Bug": ["Bug"]}
    model = SentimentClassifier(data__labels=settings, data__ordered=False, train__epochs=2).fit(texts, labels)
    assert model.classes_.tolist() == ["Billing", "Bug"]
    assert model.predict(["a crash"]).tolist() == ["Bug"]
    decided = model.decision_function(["a crash", "an invoice"])
    assert decided.shape == (2,), "as scikit-learn has it for two classes"
    assert (decided > 0).tolist() == [True, False]
    with pytest.raises(ValueError, match="two classes in order are called negative and positive"):
        SentimentClassifier(data__labels=settings).fit(texts, labels)


@pytest.mark.parametrize("values", [(0, 1), (1, 0), ("neg", "pos")], ids=str)
def test_two_topics_whose_values_are_those_of_negative_and_positive(there, tmp_path, values):
    """The values say nothing about the order of classes that have none, in a file and in Python."""
    from sentibp import SentimentClassifier

    labels = dict(zip(("Billing", "Bug"), ([value] for value in values), strict=True))
    rows = [f"{'a crash' if i % 2 else 'an invoice'} {i},{values[i % 2]}\n" for i in range(60)]
    (tmp_path / "pair.csv").write_text("text,label\n" + "".join(rows))
    (tmp_path / "pair.yaml").write_text(json.dumps({"data": {"source": "pair.csv", "labels": labels}}))
    message = "two classes in order are called negative and positive (if they have no order: --set data.ordered=false);"
    assert message in refused(2, "train", tmp_path / "pair.yaml", *QUICK)
    done = invoke("train", tmp_path / "pair.yaml", *QUICK, "--set", "data.ordered=false", "--out", tmp_path / "run")
    assert "opposite" not in done.err
    assert invoke("predict", "-m", tmp_path / "run", "a crash").jsonl[0]["label"] == "Bug"
    assert list(invoke("eval", tmp_path / "run", "--json").json["classes"]) == ["Billing", "Bug"]
    texts, y = ["a crash", "an invoice"] * 30, [values[1], values[0]] * 30
    model = SentimentClassifier(data__labels=labels, data__ordered=False, train__epochs=2).fit(texts, y)
    assert model.predict(["a crash", "an invoice"]).tolist() == [values[1], values[0]]
    assert model.model_.predict(["a crash"]).label.tolist() == ["Bug"]
