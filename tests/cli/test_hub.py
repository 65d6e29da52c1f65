"""Models and data sets of a hub on loopback, through the real clients huggingface_hub and datasets."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pyarrow as pa
import pytest
from hub_commands import TESTS, process_with_hub
from hub_server import READ_ONLY, TOKEN, hub
from pyarrow import parquet

from sentibp.errors import SentibpError
from sentibp.export.hub import push
from sentibp.export.model_card import About
from sentibp.runs import hub_model
from sentibp.runs.find import builtin_file

CARD = b"""---
configs:
- config_name: plain_text
  default: true
  data_files:
  - {split: train, path: plain_text/train-*}
  - {split: test, path: plain_text/test-*}
  - {split: unsupervised, path: plain_text/unsupervised-*}
---
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def connected(home):
    """A hub, and a process whose client talks to it."""
    with hub() as server, process_with_hub(server.url, home) as process:
        yield server, process


@pytest.fixture
def server(connected, home):
    """The hub, without repositories; its client has nothing in its cache."""
    connected[0].clear()
    for path in home.iterdir():
        shutil.rmtree(path)
    return connected[0]


@pytest.fixture
def run(server, connected, here):
    """`run(*commands, token=None)` runs commands with the hub on loopback."""
    return connected[1].run


def test_push_and_use(server, run, home, quickstart):
    """Two files in one commit; the name and the commit give the same answer; a new commit does not change the old."""
    pushed, again, other, predicted, private = run(
        ["push", quickstart, "ann/first", "--license", "mit", "--json"],
        ["push", quickstart, "hf://ann/first", "--license", "mit", "--json"],
        ["push", builtin_file(), "ann/first", "--revision", "v2", "--message", "the built-in model"],
        ["predict", "a good film", "-m", "hf://ann/first"],
        ["push", quickstart, "ann/secret", "--private"],
        token=TOKEN,
    )
    assert [pushed.code, other.code, private.code] == [0, 0, 0], (pushed, other, private)
    commit = pushed.json["commit"]
    assert again.json["commit"] == commit
    assert pushed.json["model"] == f"hf://ann/first@{commit}"
    assert server.repositories["models/ann/first"].refs["main"] == commit
    assert set(server.files("ann/first")) == {".gitattributes", "model.safetensors", "README.md"}
    content = (quickstart / "model.safetensors").read_bytes()
    assert server.files("ann/first")["model.safetensors"] == content
    assert server.files("ann/first", "v2")["model.safetensors"] == builtin_file().read_bytes()
    assert pushed.json["files"]["model.safetensors"] == len(content)
    readme = server.files("ann/first")["README.md"].decode()
    assert "license: mit" in readme
    assert "-m hf://ann/first\n" in readme
    assert predicted.err == f"hf://ann/first: using hf://ann/first@{commit}\n"
    assert server.repositories["models/ann/secret"].private
    assert private.out.splitlines()[2].endswith("(private)")
    assert {file.name for file in home.rglob("*.*") if file.is_symlink()} == {"model.safetensors"}


def test_every_command_takes_a_model_of_the_hub(server, run, quickstart):
    commit = server.add("ann/first", {"model.safetensors": (quickstart / "model.safetensors").read_bytes()})
    pinned = f"hf://ann/first@{commit}"
    started = ["train", "quickstart", "--quiet", "--out", "run", "--set", "model.init_from=hf://ann/first"]
    results = run(
        ["eval", "-m", "hf://ann/first", "--json"],
        ["eval", "--against", "hf://ann/first", "-m", "builtin", "--json", "--data", "sample"],
        ["explain", "a good film", "-m", pinned, "--json"],
        ["gradcheck", "-m", "hf://ann/first", "--reviews", "5", "--json"],
        ["words", "top", "-m", pinned],
        ["card", "hf://ann/first", "--json"],
        [*started, "--set", "train.epochs=1"],
        ["blame", "a good film", "-m", "hf://ann/first"],
    )
    evaluated, compared, explained, _, _, card, trained, blamed = results
    assert [each.code for each in results] == [0] * 7 + [2], results
    assert evaluated.json["model"] == explained.json["model"] == card.json["model"] == pinned
    assert compared.json["against_model"] == pinned
    assert card.json["model_name"] == "hf://ann/first"
    assert explained.err == ""
    assert trained.err.startswith(f"hf://ann/first: using {pinned}\n")
    with open("run/run.json", encoding="utf-8") as file:
        origin = json.load(file)["data"]["init_from"]
    assert origin["model"] == pinned
    with open("run/config.yaml", encoding="utf-8") as file:
        assert f"init_from: {pinned}\n" in file.read()
    assert "a model of the hub has no run directory" in blamed.err


def test_offline_the_cache_is_used(server, run, home, quickstart):
    content = (quickstart / "model.safetensors").read_bytes()
    commit = server.add("ann/first", {"model.safetensors": content})
    predict = ["predict", "a good film", "-m"]
    (online,) = run([*predict, "hf://ann/first"])
    server.requests.clear()
    with process_with_hub(server.url, home, HF_HUB_OFFLINE="1") as disconnected:
        offline, missing = disconnected.run([*predict, "hf://ann/first"], [*predict, "hf://ann/other"])
    (pinned,) = run([*predict, f"hf://ann/first@{commit}"])
    assert server.requests == []
    assert online.out == offline.out == pinned.out
    assert missing.code == 3
    assert "working offline, and it has no local copy" in missing.err
    server.fault = (503, {})
    (without,) = run([*predict, "hf://ann/first"])
    assert without.out == online.out
    assert "using the local copy, which may be older" in without.err


def test_errors_are_one_line_with_a_repair(server, run, quickstart):
    content = (quickstart / "model.safetensors").read_bytes()
    server.add("ann/first", {"model.safetensors": content})
    server.add("ann/empty", {"README.md": b""})
    server.add("ann/torch", {"model.safetensors": bytes([16] + [0] * 7) + b'{"__metadata__":'})
    server.add("ann/secret", {"model.safetensors": content}, private=True)
    faults = {"gated": (403, {"X_Error_Code": "GatedRepo"}), "busy": (429, {}), "broken": (500, {}), "no": (403, {})}
    for name, fault in faults.items():
        server.add(f"ann/{name}", {"model.safetensors": content}, fault=fault)
    expected = {
        "hf://ann/nothing": (2, "no such repository, or it is private; check the name, or log in with `hf auth login`"),
        "hf://ann/secret": (2, "no such repository, or it is private"),
        "hf://ann/first@v9": (2, "has no revision v9"),
        "hf://ann/empty": (2, "has no model.safetensors"),
        "hf://ann/gated": (2, "its owner must grant access"),
        "hf://ann/no": (2, "HTTP 403"),
        "hf://ann/busy": (3, "HTTP 429); wait a few minutes"),
        "hf://ann/broken": (3, "HTTP 500); try again later"),
        "hf://ann/torch": (3, "name another model"),
    }
    for (name, (code, text)), result in zip(
        expected.items(), run(*(["predict", "good", "-m", name] for name in expected)), strict=True
    ):
        lines = [line for line in result.err.splitlines() if ": using hf://" not in line]
        assert (result.code, len(lines)) == (code, 1), result
        assert text in lines[0]
        assert lines[0].startswith(name)


def test_pushes_that_are_refused(server, run, quickstart):
    push = ["push", quickstart]
    server.add("ann/public", {})
    nobody, name, license, absent, public, foreign, reader, wrong = run(
        [*push, "ann/new"],
        [*push, "new"],
        [*push, "ann/new", "--license", "MIT License"],
        ["push", "no", "ann/new"],
        [f"HF_TOKEN={TOKEN}", *push, "ann/public", "--private"],
        [f"HF_TOKEN={TOKEN}", *push, "bob/x"],
        [f"HF_TOKEN={READ_ONLY}", *push, "ann/new"],
        ["HF_TOKEN=hf_wrong", *push, "ann/new"],
    )
    said = {
        public: "ann/public is public",
        foreign: "HTTP 403",
        reader: "HTTP 403",
        wrong: "does not accept your token",
        nobody: "the hub must know who you are; log in with `hf auth login`, or set HF_TOKEN",
        name: "write USER/NAME",
        license: "--license MIT License",
        absent: "no such run or model",
    }
    for result, text in said.items():
        assert result.code == 2, result
        assert text in result.err
        assert result.err.count("\n") == 1
    assert set(server.repositories) == {"models/ann/public"}
    assert server.files("ann/public") == {}


def test_a_model_that_names_folders_is_not_pushed(new_classifier, here):
    """Nor is anything sent that was asked for without the network."""
    model = new_classifier(["a good film", "a bad film"])
    for source, said in ("/home/ann/reviews.csv", "with the folders of the data in its settings"), ("r.csv", "offline"):
        data = {**model.trained_with["data"], "source": source}
        old = replace(model, trained_with={**model.trained_with, "data": data})
        (here / "old.safetensors").write_bytes(old.to_bytes())
        with pytest.raises(SentibpError, match=said):
            push(here / "old.safetensors", About("ann/first"))


def test_a_push_that_does_not_reach_the_hub_is_not_told_to_use_a_local_copy(tmp_path, here, quickstart, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with process_with_hub("http://127.0.0.1:9", tmp_path / "home") as process:
        (result,) = process.run(["push", quickstart, "ann/x"], token=TOKEN)
    repair = "nothing was pushed; check the network, or HF_ENDPOINT, which names another hub; then push again"
    assert (result.code, result.err) == (3, f"hf://ann/x: cannot reach the hub (http://127.0.0.1:9); {repair}\n")


def test_your_own_card(server, run, here, quickstart):
    (here / "mine.md").write_text("---\nlicense: mit\n---\n# Mine\n")
    (here / "bad.md").write_bytes(b"\xff\xfe")
    done, bad, both = run(
        ["push", quickstart, "ann/first", "--card", "mine.md"],
        ["push", quickstart, "ann/first", "--card", "bad.md"],
        ["push", quickstart, "ann/first", "--card", "mine.md", "--license", "mit"],
        token=TOKEN,
    )
    assert (done.code, bad.code, both.code) == (0, 3, 2)
    assert bad.err == "--card bad.md: not UTF-8; give a Markdown file\n"
    assert server.files("ann/first")["README.md"] == (here / "mine.md").read_bytes()


def table(column: str, labels: list[int], names: list[str], count: int, first: int) -> bytes:
    texts = [f"{('a good film', 'a bad film')[labels[i % len(labels)] != 1]} number {i + first}" for i in range(count)]
    label = {"names": names, "_type": "ClassLabel"}
    features = {column: {"dtype": "string", "_type": "Value"}, "label": label}
    rows = pa.table({column: texts, "label": [labels[i % len(labels)] for i in range(count)]})
    content = io.BytesIO()
    parquet.write_table(
        rows.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}), content
    )
    return content.getvalue()


def test_built_in_data_sets(server, run):
    """`sst2` and `imdb` train, and `eval --data` scores on the test split, which has other reviews."""
    names, quick = ["neg", "pos"], ["--quiet", "--set", "train.epochs=1", "--set", "train.members=1"]
    splits = {"train": ([1, 0], 120, 0), "test": ([1, 0], 40, 1000), "unsupervised": ([-1], 20, 2000)}
    files = {f"plain_text/{s}-00000-of-00001.parquet": table("text", a[0], names, *a[1:]) for s, a in splits.items()}
    server.add("stanfordnlp/imdb", {"README.md": CARD, **files}, "datasets")
    splits = {"train": ([1, 0], 120, 0), "validation": ([1, 0], 44, 1000), "test": ([-1], 20, 2000)}
    files = {f"data/{s}-00000-of-00001.parquet": table("sentence", a[0], names, *a[1:]) for s, a in splits.items()}
    server.add("stanfordnlp/sst2", files, "datasets")
    splits = {"train": ([1, 0], 120, 0), "validation": ([1, 0], 30, 1000), "test": ([1, 0], 36, 2000)}
    files = {f"{s}.parquet": table("text", a[0], names, *a[1:]) for s, a in splits.items()}
    server.add("cornell-movie-review-data/rotten_tomatoes", files, "datasets")
    results = run(
        ["train", "sst2", *quick, "--out", "sst2", "--json"],
        ["train", "imdb", *quick, "--out", "imdb", "--json"],
        ["eval", "-m", "imdb", "--data", "imdb", "--json"],
        ["eval", "-m", "imdb", "--data", "rotten_tomatoes", "--json"],
        [
            "eval",
            "-m",
            "imdb",
            "--data",
            "stanfordnlp/sst2",
            "--split",
            "validation",
            "--text-column",
            "sentence",
            "--json",
        ],
        ["eval", "-m", "imdb", "--data", "nobody/nothing"],
        ["eval", "-m", "imdb", "--data", "imdb", "--split", "nope"],
    )
    assert [each.code for each in results] == [0, 0, 0, 0, 0, 3, 3], results
    sst2, imdb, tested, tomatoes, other = (each.json for each in results[:5])
    assert (sst2["scores"]["n"], imdb["scores"]["n"]) == (44, 12)
    assert (tested["n"], tested["in_training"], tomatoes["n"], other["n"]) == (40, 0, 36, 44)
    assert "the hub has no such data set, or it is not public; check its name" in results[5].err
    assert "there are: train, test, unsupervised" in results[6].err


def test_a_local_model_loads_no_client(here, quickstart):
    code = "import sys; from command import invoke; invoke('predict', 'good', '-m', sys.argv[1]);"
    code += "assert not {'huggingface_hub', 'datasets', 'httpx', 'httpx2', 'jinja2'} & set(sys.modules)"
    path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    done = subprocess.run([sys.executable, "-c", code, quickstart], env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hf://ann", "not the name of a model of the hub; write hf://USER/NAME"),
        ("hf://ann/a/b", "write hf://USER/NAME"),
        ("hf://ann/first@", "write hf://ann/first@main"),
        ("hf://ann/first@../x", "is no revision"),
        ("hf://ann/..", "write hf://USER/NAME"),
        ("hf://" + "a" * 99 + "/b", "more than 96 characters"),
        ("https://huggingface.co/ann/first/tree/v2", "write hf://ann/first@v2"),
        ("https://huggingface.co/", "write hf://USER/NAME"),
    ],
)
def test_names_that_are_none(fails, name, text):
    assert text in fails(2, "predict", "good", "-m", name)


def test_names():
    assert hub_model.parse_hub_name("hf://ann/first") == ("ann/first", None)
    assert hub_model.parse_hub_name("hf:/ann/first@v1") == ("ann/first", "v1")  # a Path
    assert hub_model.parse_hub_name("hf://models/ann/first@refs/pr/1") == ("ann/first", "refs/pr/1")
    assert hub_model.parse_hub_name("hf://ann/first/model.safetensors") == ("ann/first", None)


def test_a_local_file_of_that_name_comes_first(sentibp, here, quickstart):
    (here / "hf:" / "ann").mkdir(parents=True)
    shutil.copy(quickstart / "model.safetensors", here / "hf:" / "ann" / "first")
    assert sentibp("predict", "good", "-m", "hf://ann/first").code == 0
