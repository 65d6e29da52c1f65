"""The documentation stays true: its generated pages are up to date, its links lead somewhere, its commands run."""

from __future__ import annotations

import csv
import re
import runpy
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import chdir, contextmanager, nullcontext
from pathlib import Path

import pytest
import yaml
from documents import blocks, commands, first_missing
from staying import Kept
from typer.testing import CliRunner

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
GUIDES = ROOT / "docs" / "guide"
GUIDE = sorted(GUIDES.glob("*.md"))
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "data/README.md", ROOT / "benchmarks/RESULTS.md"]
LARGE = {path.stem for path in (ROOT / "configs").glob("*.yaml")} - {"quickstart", "maybe", "stars", "three", "xor"}
WRONG = "data: {source: sample}\n\nmodel:\n  hiden: [8]\n\ntrain:\n  epochs: three\n"
SAME_OUTPUT = ("sentibp trace --article", "sentibp train mine.yaml", "sentibp train wrong.yaml")
SAME_OUTPUT += ("sentibp sweep shop.yaml wrong.yaml",)  # whatever the model


def prose(page: Path) -> str:
    """Return the text of a page without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(page: Path) -> list[str]:
    """Return the relative links of a page that lead to no file, or to no heading."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_files_and_headings(page):
    assert broken_links(page) == []


def test_broken_links_are_found(tmp_path):
    (tmp_path / "other.md").write_text("# Read `this` first\n")
    page = tmp_path / "page.md"
    page.write_text("[a](other.md#read-this-first) [b](other.md#no) [c](no.md) [d](https://x.y) [e](#f)\n# F\n")
    assert broken_links(page) == ["other.md#no", "no.md"]


def test_every_page_of_the_documentation_is_linked_from_another():
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(page))
    }
    assert [page for page in (ROOT / "docs").rglob("*.md") if page.resolve() not in linked] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_of_the_project_that_a_page_names_exist(page):
    if page.parent.name == "log":
        return  # history
    names = re.findall(r"`(?:python )?((?:\w+/)+[\w.-]*)", prose(page))
    folders = {path.name for path in (*ROOT.iterdir(), *(ROOT / "sentibp").iterdir()) if path.is_dir()} - {"data"}
    ours = [name for name in names if name.partition("/")[0] in folders - {"runs"} or re.match(r"data/.*\.py$", name)]
    assert [name for name in ours if not (ROOT / name).exists() and not (ROOT / "sentibp" / name).exists()] == []


def test_generated_pages_are_up_to_date():
    generated = runpy.run_path(str(ROOT / "docs" / "generate.py"))["generated"]()
    for path, content in generated.items():
        assert path.read_text(encoding="utf-8") == content, f"{path.name}: run `make docs`"
    written = set((ROOT / "docs" / "reference").iterdir())
    assert written == {path for path in generated if path.parent.name == "reference"}


def test_readme_is_short_and_shows_every_folder_of_the_package():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    tree = next(content for _, content in blocks(text, "text"))
    for path in (ROOT / "sentibp").iterdir():
        name = path.name + "/" * path.is_dir()
        assert name.startswith("__") or f"    {name} " in tree, f"{path} has no line in the README's file tree"


def test_the_citation_names_the_version_and_licence_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])


def test_every_page_of_the_guide_is_in_its_list():
    """In the list, which is in the order of reading, and not only in the text of another page."""
    listed = re.findall(r"^\d+\. \[[^\]]+\]\((\S+)\)", (GUIDES / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == [page.name for page in GUIDE if page.name != "README.md"]


def test_every_entry_of_the_log_is_in_its_list():
    log = ROOT / "docs" / "log"
    listed = re.findall(r"\]\((\S+\.md#[^)]+)\)", (log / "README.md").read_text(encoding="utf-8"))
    entries = [f"{page.name}#{anchor}" for page in log.glob("20*.md") for anchor in anchors(page) - {"log"}]
    assert sorted(listed) == sorted(entries)


def test_guide_mentions_every_command():
    names = runpy.run_path(str(ROOT / "docs" / "generate.py"))["command_names"]()
    text = "".join(page.read_text(encoding="utf-8") for page in GUIDE)
    assert [name for name in names if f"sentibp {name}" not in text] == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run of `quickstart`: the model that the pages have in runs/."""
    import sentibp

    folder = tmp_path_factory.mktemp("docs")
    with chdir(folder):  # a training writes runs/last
        return sentibp.train_model(sentibp.load_config("quickstart"), folder / "run").run


@pytest.fixture
def workplace(here, trained) -> Path:
    """A folder with a trained model and the files that the pages name, all of them small."""
    shutil.copytree(trained, here / "runs" / "model")
    (here / "runs" / "last").write_text("runs/model\n")
    with open(ROOT / "data" / "train.csv", encoding="utf-8", newline="") as file:
        sample = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    rows = sample[::2]  # half of them are enough for commands that only have to end well
    plain = [
        (f"It is {hours} hours long and was shot in town {town}.", "neutral")
        for hours in range(8)
        for town in range(10)
    ]
    stars = {"negative": (1, 2), "neutral": (3, 3), "positive": (4, 5)}
    topics = [(f"the {topic} number {i}", topic) for i in range(30) for topic in ("food", "price", "service")]
    tickets = [(f"the {kind} number {i}", kind) for i in range(40) for kind in ("billing", "bug")]
    court = ["The king is a man and the queen is a woman."] * 3
    long = [
        (" ".join(text for text, label in sample if label == wanted)[500 * i : 500 * i + 500], wanted)
        for i in range(12)
        for wanted in ("negative", "positive")
    ]
    tables = {
        "long.csv": [("text", "label"), *long],
        "reviews.csv": [("text", "label"), *rows],
        "more.csv": [("text", "label"), ("A film to see twice.", "positive"), ("A film to leave early.", "negative")],
        "sentences.csv": [
            ("text", "sentiment_value"),
            *[(text, (0.1, 0.5, 0.9)[(label == "positive") + i % 2]) for i, (text, label) in enumerate(rows)],
        ],
        "shop.csv": [("comment", "stars"), *[(text, 5 if label == "positive" else 1) for text, label in rows]],
        "three.csv": [("text", "label"), *rows, *plain],
        "stars.csv": [
            ("text", "label"),
            *[(text, stars[label][i % 2]) for i, (text, label) in enumerate(rows + plain)],
        ],
        "topics.csv": [("text", "label"), *topics],
        "tickets.csv": [("text", "label"), *tickets],
        "films.csv": [("text", "label", "film"), *[(*row, f"film {i // 4}") for i, row in enumerate(rows)]],
        "new.csv": [("text", "comment"), *[(text, text) for text, _ in rows[:20]]],  # pages train on either column
        "unlabelled.csv": [("text",), *[(text,) for text in court + [text for text, _ in rows[:100]]]],
    }
    for name, table in tables.items():
        with open(here / name, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(table)
    Path("inbox").mkdir()
    for day, answer in ("monday", "good"), ("tuesday", "bad"), ("wednesday", "boring"):
        Path("inbox", f"{day}.csv").write_text(f"text\nA {answer} film.\n")
    Path("reviews.txt").write_text("I love this movie\nnot worth the ticket\n")
    Path("mine.yaml").write_text(WRONG)
    return here


def small(arguments: list[str]) -> list[str]:
    """Return the arguments with small data in place of the large."""
    arguments = ["last" if word == "RUN" else word for word in arguments]
    if "--data" in arguments:
        at = arguments.index("--data") + 1
        arguments[at] = arguments[at].replace("imdb", "sample")
    if arguments[0] in ("train", "sweep") and ".yaml" in "".join(arguments[1:2]) and "pretrain." not in str(arguments):
        arguments += ["--set", "pretrain.vectors=none"]  # half of the time of a training on a few reviews
    if len(arguments) > 1 and arguments[0] in ("train", "pretrain", "audit") and arguments[1] in LARGE:
        settings = ["data.source=sample", "train.epochs=1", "pretrain.dim=10", "pretrain.min_count=1"]
        if arguments[1] == "rotten_tomatoes_pretrained":
            settings += ["pretrain.labelled=sample", "pretrain.source=unlabelled.csv", "model.embedding.dim=13"]
        settings = [each for each in settings if each.partition("=")[0] not in " ".join(arguments)]
        arguments += [word for setting in settings for word in ("--set", setting)]
    return arguments


def run_pipeline(words: list[str]) -> tuple[int, list[str]] | None:
    """Run the `sentibp` of a pipeline such as `cat FILE | sentibp ... | jq ...`; None if there is none."""
    from sentibp.cli import application

    stages: list[list[str]] = [[]]
    for word in words:
        if word in ("|", "&&", ">"):
            stages.append([])
        else:
            stages[-1].append(word)
    text = None
    for stage in stages:
        if stage[0] == "cat":
            text = Path(stage[1]).read_bytes()
        if stage[0] == "sentibp":
            result = CliRunner().invoke(application(), small(stage[1:]), input=text)
            assert result.exception is None or isinstance(result.exception, SystemExit), result.output
            return result.exit_code, result.output.rstrip("\n").splitlines()
    return None


@contextmanager
def one_cluster() -> Iterator[None]:
    """The commands of a page share the two processes of `local:2`, because a start takes seconds."""
    from sentibp.distributed import local_cluster

    with pytest.MonkeyPatch.context() as patch, local_cluster.start(2) as local:
        patch.setattr(local_cluster, "start", {2: Kept(local)}.__getitem__)
        yield


@pytest.mark.parametrize("page", [README, *GUIDE], ids=lambda page: page.stem)
@pytest.mark.usefixtures("workplace")
def test_commands_of_a_page_run_in_order(page):
    text = page.read_text(encoding="utf-8")
    with one_cluster() if "--cluster local:2" in text else nullcontext():
        run_in_order(page, text)


def run_in_order(page: Path, text: str) -> None:
    for _, block in blocks(text, "yaml"):
        name = re.match(r"# (\w+\.yaml)\n", block)
        assert name, "a block with a config begins with the name of its file"
        Path(name[1]).write_text(block)
    found = list(commands(text, "bash", "console"))
    assert found or page.stem in ("README", "python")
    for command in found:
        exit_code = 2 if page == README and "mine.yaml" in command.line else command.exit_code
        done = run_pipeline(command.words)
        if done is None:
            continue
        assert done[0] == exit_code, (command.line, done[1])
        if command.line.partition("  #")[0] in SAME_OUTPUT and command.output:
            assert first_missing(command.output, done[1]) is None, done[1]


@pytest.mark.parametrize(
    "page", [README, *(GUIDES / name for name in ("classes.md", "python.md"))], ids=lambda page: page.stem
)
@pytest.mark.usefixtures("workplace")
def test_python_of_a_page_runs(page, capsys):
    found = list(blocks(page.read_text(encoding="utf-8"), "python"))
    assert found
    for _, block in found:
        exec(compile(block, page.name, "exec"), {})
        assert capsys.readouterr().out
