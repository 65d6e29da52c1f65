"""The repairs that are printed work: each is typed into the same command, as a user would, until it succeeds.

A repair is an option (`--set data.text_column=comment`, in quotes where a shell needs them) or a command in backquotes.
Of several, the first is typed. `NAME` stands for one of the names that follow it.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

import sentibp as package
from sentibp.cli import application

SMALL = ("--quiet", "--set", "train.epochs=1", "--set", "text.ngrams=1", "--set", "text.affixes=false")
TRAIN = ("train", "quickstart", *SMALL)
OTHER_COLUMNS = (*TRAIN, "--set", "data.source=plain.csv", "--set", "data.validation=comments.csv")
SHOW = ("config", "show", "quickstart")


def table(*columns: str, labels: str = "0 1", **others: str) -> str:
    """Return a CSV file of twelve reviews; its labels are taken in turns."""
    rows = [",".join(columns)]
    kinds = labels.split("|") if "|" in labels else labels.split(" ")
    for number in range(12):
        cells = [f"a {['bad', 'good', 'fine'][number % 3]} film {number}", kinds[number % len(kinds)]]
        rows.append(",".join([*cells, *("7" for _ in columns[2:])]))
    return "\n".join(rows) + "\n"


FILES = {
    "plain.csv": table("text", "label"),
    "comments.csv": table("comment", "stars"),
    "underscores.csv": table("text_", "label_"),
    "spaces.csv": table("my review", "the label"),
    "odd.csv": table("x", "y"),
    "unlabelled.csv": "".join(["id,comment\n", *(f"{i},a good film\n" for i in range(12))]),
    "stars.csv": table("text", "label", labels="1 2 3 4 5"),
    "tweets.csv": table("text", "label", labels="0 4"),
    "neutral.csv": table("text", "label", labels="0 4 2"),
    "three.csv": table("text", "label", labels="neg pos maybe"),
    "classes.csv": table("text", "label", labels="neutral positive negative"),
    "rated.csv": table("text", "label", labels="1 2 3"),
    "rated.yaml": "data: {source: rated.csv, labels: [1, 2, 3], validation: 0.25}\n",
    "topics.csv": table("text", "label", labels="food price service"),
    "holes.csv": table("text", "label", labels="0|1|"),
    "fresh.csv": table("text", "label", labels="fresh rotten"),
    "apostrophe.csv": table("text", "label", labels="pos|neg|it's so"),
    "words.csv": table("text", "label", labels="yes no"),
    "tweets.yaml": "data: {source: tweets.csv, labels: {negative: [0], positive: [4]}}\n",
    "weighted.csv": table("text", "label", "w"),
    "splits/train.csv": table("text", "label"),
    "splits/test.csv": table("text", "label"),
    "tests/test.csv": table("text", "label"),
    "tests/dev.csv": table("text", "label"),
    "there.csv": "mine",
    "plain.yaml": "data: {source: plain.csv}\n",
    "weights.yaml": "data: {source: sample, weight_column: weight}\n",
    "folder/pos/1.txt": "good",
    "folder/pos/2.txt": "fine",
    "folder/neg/1.txt": "bad",
    "folder/neg/2.txt": "poor",
}

MISTAKES = [  # a command with a mistake, its exit code, and a word of its message; the repairs lead to success
    # columns
    ([*TRAIN, "--set", "data.source=comments.csv"], 3, "--set data.text_column=comment"),
    ([*TRAIN, "--set", "data.source=underscores.csv"], 3, "--set data.text_column=text_"),
    ([*TRAIN, "--set", "data.source=spaces.csv"], 3, "--set data.text_column=NAME"),
    ([*TRAIN, "--set", "data.source=odd.csv"], 3, "--set data.text_column=NAME"),
    (["eval", "-m", "base", "--data", "comments.csv"], 3, "--set data.text_column=comment"),
    (
        ["eval", "-m", "base", "--data", "underscores.csv", "--text-column", "text_"],
        3,
        "--set data.label_column=label_",
    ),
    (["gradcheck", "-m", "base", "--data", "comments.csv"], 3, "--set data.text_column=comment"),
    (["eval", "-m", "base", "--data", "unlabelled.csv"], 3, "`sentibp predict --input unlabelled.csv -m base`"),
    (
        ["eval", "-m", "base", "--data", "plain.csv", "--label-column", "text"],
        3,
        "is the text column, and has no labels",
    ),
    (["eval", "-m", "base", "--data", "comments.csv", "--text-column", "x"], 3, "--set data.text_column=comment"),
    (["eval", "-m", "base", "--data", "comments.csv", "--text-column", "comment", "--label-column", "x"], 3, "=stars"),
    (["predict", "-m", "base", "-i", "comments.csv", "--text-column", "x"], 3, "--set data.text_column=comment"),
    (["predict", "-m", "base", "comments.csv"], 2, "`sentibp predict --input comments.csv`"),
    (["predict", "-m", "base", "good", "-o", "there.csv"], 2, "--output there-2.csv"),
    (["gradcheck", "base"], 2, "`sentibp gradcheck -m base`"),
    (["audit", "base", "--quiet", "--set", "data.source=comments.csv"], 3, "--set data.text_column=comment"),
    ([*TRAIN, "--set", "data.source=plain.csv", "--set", "data.weight_column=w"], 3, "--set data.weight_column=null"),
    (["train", "weights.yaml", *SMALL], 3, "--set data.weight_column=null"),
    (
        [*TRAIN, "--set", "data.source=folder", "--set", "data.validation=0", "--set", "data.weight_column=w"],
        3,
        "=null",
    ),
    ([*TRAIN, "--set", "data.source=[plain.csv,comments.csv]"], 3, "data.source=plain.csv"),
    ([*TRAIN, "--set", "data.source=[comments.csv,plain.csv]"], 3, "data.source=plain.csv"),
    ([*TRAIN, "--set", "data.source=plain.csv", "--set", "data.validation=comments.csv"], 3, "data.validation=0.1"),
    ([*OTHER_COLUMNS, "--set", "data.text_column=comment"], 3, "data.validation=0.1"),
    # splits
    ([*TRAIN, "--set", "data.source=splits", "--set", "data.validation=dev"], 3, "--set data.validation=test"),
    ([*TRAIN, "--set", "data.source=tests"], 3, "--set data.split=test"),
    ([*TRAIN, "--set", "data.source=sample", "--set", "data.validation=dev"], 3, "--set data.validation=test"),
    (["eval", "-m", "base", "--data", "splits", "--split", "dev"], 3, "--split test"),
    (["eval", "-m", "base", "--data", "sample", "--split", "dev"], 3, "--split test"),
    (["gradcheck", "-m", "base", "--data", "tests"], 3, "--set data.split=test"),
    (["predict", "-m", "base", "-i", "tests"], 3, "--set data.split=test"),
    # labels
    ([*TRAIN, "--set", "data.source=stars.csv"], 3, "1 is taken as the lowest"),
    ([*TRAIN, "--set", "data.source=fresh.csv"], 3, "{negative: [rotten], positive: [fresh]}"),
    ([*TRAIN, "--set", "data.source=three.csv"], 3, "ignore: [maybe]"),
    ([*TRAIN, "--set", "data.source=classes.csv"], 3, "data.labels=[negative,neutral,positive]"),
    ([*TRAIN, "--set", "data.source=topics.csv"], 3, "[food,price,service] --set data.ordered=false"),
    ([*SHOW, "--set", "data.labels=[c,b,a]", "--set", "train.early_stopping.metric=f1"], 2, "metric=macro_f1"),
    ([*SHOW, "--set", "data.labels=[positive,neutral,negative]"], 2, "{negative: [negative], neutral: [neutral], "),
    ([*SHOW, "--set", "data.labels=[good,bad]"], 2, "{negative: [bad], positive: [good]}"),
    (["eval", "-m", "rated", "--data", "classes.csv"], 3, "{1: [1, negative], 2: [2, neutral], 3: [3, positive]}"),
    (["eval", "-m", "base", "--data", "classes.csv"], 3, "ignore: [neutral]"),
    (["predict", "-m", "rated", "good", "--threshold", "0.2"], 2, "--threshold '3=0.7'"),
    ([*TRAIN, "--set", "data.source=holes.csv"], 3, 'ignore: [""]'),
    ([*TRAIN, "--set", "data.source=apostrophe.csv"], 3, "it'\"'\"'s so"),
    (["eval", "-m", "tweets", "--data", "neutral.csv"], 3, "{negative: [0], positive: [4], ignore: [2]}"),
    (["eval", "-m", "base", "--data", "neutral.csv"], 3, "{negative: [0], positive: [4], ignore: [2]}"),
    (["eval", "-m", "tweets", "--data", "fresh.csv"], 3, "{negative: [rotten], positive: [fresh]}"),
    ([*TRAIN, "--set", "data.source=[plain.csv,fresh.csv]"], 3, "{negative: [rotten], positive: [fresh]}"),
    (["eval", "-m", "base", "--against", "tweets", "--data", "tweets.csv"], 3, "{negative: [0], positive: [4]}"),
    (["gradcheck", "-m", "tweets", "--data", "neutral.csv"], 3, "ignore: [2]"),
    (["audit", "tweets", "--quiet", "--set", "data.source=neutral.csv"], 3, "ignore: [2]"),
    # settings: values
    ([*SHOW, "--set", "model.hidden=32,16"], 2, "--set model.hidden=[32,16]"),
    ([*SHOW, "--set", "model.hidden=32"], 2, "--set model.hidden=[32]"),
    ([*SHOW, "--set", "model.hidden=[32,'16']"], 2, "--set model.hidden=[32,16]"),
    ([*SHOW, "--set", "train.freeze=output"], 2, "--set train.freeze=[output]"),
    ([*SHOW, "--set", "text.lowercase=no"], 2, "--set text.lowercase=false"),
    ([*SHOW, "--set", "data.text_column=5"], 2, "data.text_column"),
    ([*SHOW, "--set", "train.epochs='5'"], 2, "--set train.epochs=5"),
    ([*SHOW, "--set", "model.activation=relux"], 2, "--set model.activation=relu"),
    # settings: keys
    ([*SHOW, "--set", "optimizer.lr=0.1"], 2, "--set train.optimizer.learning_rate=0.1"),
    ([*SHOW, "--set", "train.optimizer.lr=0.1"], 2, "--set train.optimizer.learning_rate=0.1"),
    ([*SHOW, "--set", "lr=0.1"], 2, "--set train.optimizer.learning_rate=0.1"),
    ([*SHOW, "--set", "epochs=3"], 2, "--set train.epochs=3"),
    ([*SHOW, "--set", "batchsize=3"], 2, "--set train.batch_size=3"),
    ([*SHOW, "--set", "hidden_size=3"], 2, "--set model.hidden=[3]"),
    ([*SHOW, "--set", "data.text=my column"], 2, "'data.text_column=my column'"),
    ([*SHOW, "--set", "train.epochs"], 2, "--set train.epochs=5"),
    (["eval", "-m", "base", "--data", "plain.csv", "--set", "text_column=text"], 2, "--set data.text_column=text"),
    (["eval", "-m", "base", "--set", "data.source=plain.csv"], 2, "--data plain.csv"),
    (["gradcheck", "-m", "base", "--set", "data.source=plain.csv"], 2, "--data plain.csv"),
    (["eval", "-m", "base", "--data", "plain.csv", "--set", "nonsense"], 2, "--set data.text_column=comment"),
    # settings that do not fit together
    ([*SHOW, "--set", "train.early_stopping=1", "--set", "data.validation=0"], 2, "--set data.validation=0.1"),
    ([*SHOW, "--set", "train.members=2", "--set", "model.hidden=[4,4]"], 2, "--set train.members=1"),
    ([*SHOW, "--set", "pretrain.vectors=words"], 2, "--set model.embedding.dim=301"),
    ([*SHOW, "--set", "pretrain.labelled=a.csv"], 2, "--set pretrain.labelled=null"),
    ([*SHOW, "--set", "pretrain.vectors_from=a"], 2, "--set pretrain.vectors=words"),
    ([*SHOW, "--set", "model.residual=true", "--set", "model.hidden=[4]"], 2, "--set model.residual=false"),
    ([*SHOW, "--set", "train.refit=true", "--set", "data.validation=test"], 2, "--set data.validation=0.1"),
    ([*SHOW, "--set", "pretrain.vectors=reviews", "--set", "model.init_from=a"], 2, "--set pretrain.vectors=none"),
    # training
    ([*TRAIN, "--set", "text.min_count=1000"], 3, "--set text.min_count=1"),
    ([*TRAIN, "--set", "model.init_from=base", "--set", "model.hidden=[8]"], 2, "model.hidden=[5] --set model.batch"),
    ([*TRAIN, "--set", "train.optimizer={name: sgd, learning_rate: 1e30}"], 4, "--set train.optimizer.learning_rate"),
    (["train", "--resume", "diverged", *SMALL[:1]], 2, "sentibp train diverged/config.yaml"),
    # other commands
    (["blame", "good", "-m", "averaged"], 3, "sentibp train averaged/config.yaml --set train.members=1"),
    (["blame", "good", "-m", "base/model.safetensors"], 2, "-m base"),
    (["predict", "-m", "last", "good"], 2, "sentibp train quickstart"),
    (["trace", "good", "-m", "base"], 2, "--label positive"),
    (["eval", "-m", "base", "--failures"], 2, "--probes"),
]


_WORD = r"'(?:[^']|'\"'\"')*'|[^\s'?;]*[^\s'?;,.)]"  # in a shell, without the punctuation of a sentence


def repairs(message: str) -> list[list[str]]:
    """Return the words of each repair in a message: `sentibp ...` in backquotes, or options and their values."""
    if commands := re.findall(r"`(sentibp [^`]+)`", message):
        return [shlex.split(command) for command in commands]
    found, end = [], -1
    rest = re.sub(r"^--.*: replaced by --set .*\n", "", message, flags=re.MULTILINE)  # a note on what was typed
    rest = re.sub(r"^--.*?: ", "", rest, flags=re.MULTILINE)  # the option that a line complains of
    for match in re.finditer(rf"(?<![\w-])(--?[a-z][a-z-]*)(?: (?!or\b|and\b|--)({_WORD}))?", rest):
        option, value = match.groups()
        if names := re.search(r"=NAME, one of: ([^\n]*)", message):
            choice = names[1].split(", ")
            value = value and value.replace("NAME", shlex.quote(choice[-1 if "label" in value else 0]))
        words = [option, *shlex.split(value or "")]
        if match.start() == end + 1 and rest[end] == " ":  # several options in a row are one repair
            found[-1] += words
        else:
            found.append(words)
        end = match.end()
    return found


def without(args: list[str], message: str, repair: list[str]) -> list[str]:
    """Return the command without what the repair replaces: the override that the message complains of, or an option."""
    wrong = [word for word in args if message.startswith(f"--set {word}: ")]
    same = [word for word in (repair[0], repair[0][1:3]) if word in args]  # --output, or -o
    place = args.index(wrong[0]) - 1 if wrong else args.index(same[0]) if same else len(args)
    return [*args[:place], *args[place + 2 :]]


def run(args: list[str]) -> tuple[int, str]:
    """Return the exit code of a command, and what it says on stderr."""
    done = CliRunner().invoke(application(), args, catch_exceptions=False, prog_name="sentibp")
    return done.exit_code, done.stderr


def repaired(args: list[str], message: str) -> tuple[list[str], int, str]:
    """Type the first repair of a message. Return the new command, its exit code, and its message.

    It is added to the command, or takes the place of what the message complains of if that alone does not help.
    """
    repair = next(iter(repairs(message)), None)
    assert repair is not None, f"no repair to type: {message}"
    if repair[0] == "sentibp":
        return repair[1:], *run([*repair[1:], *(SMALL if repair[1] == "train" else ())])
    for before in (args, without(args, message, repair)):
        code, said = run([*before, *repair])
        if code == 0 or (said != message and "is given twice" not in said):
            return [*before, *repair], code, said
    raise AssertionError(f"{repair} does not help: {message}")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files and a few runs, which all tests read."""
    folder = tmp_path_factory.mktemp("models")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    with chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTIBP_CACHE", "off")
        for name, config, *options in (
            ("base", "plain.yaml"),
            ("tweets", "tweets.yaml"),
            ("rated", "rated.yaml"),
            ("averaged", "plain.yaml", "--set", "train.members=2"),
            ("diverged", "plain.yaml", "--set", "train.optimizer={name: sgd, learning_rate: 1e30}"),
        ):
            code, said = run(["train", config, *SMALL, *options, "--out", name])
            assert code == (4 if name == "diverged" else 0), said
    return folder


@pytest.fixture
def place(models: Path, here: Path) -> Path:
    """A working directory with links to the files and runs."""
    for path in models.iterdir():
        if path.name != "runs":
            (here / path.name).symlink_to(path)
    return here


@pytest.mark.parametrize(
    ("args", "code", "part"), MISTAKES, ids=lambda value: " ".join(value)[:70] if isinstance(value, list) else ""
)
def test_the_repair_can_be_typed_into_the_same_command(place, args, code, part):
    found, message = run(args)
    assert (found, part in message) == (code, True), message
    seen = set()
    while found:
        assert message not in seen, f"typed in vain: {message}"
        seen.add(message)
        assert len(seen) < 5, f"no end of mistakes: {message}"
        args, found, message = repaired(args, message)


@pytest.mark.parametrize("name", ["stars", "classes", "three", "neutral"])
def test_both_readings_of_three_labels_can_be_typed(place, name):
    """A class for each label, and two classes."""
    command = [*TRAIN, "--set", f"data.source={name}.csv", "--set", "data.validation=0.5"]
    code, message = run(command)
    both = repairs(message)
    assert (code, len(both)) == (3, 2)
    for repair in both:
        code, said = run([*command, *repair])
        assert code == 0, said
    assert sorted("ignore" in " ".join(repair) for repair in both) == [False, True]


@pytest.mark.parametrize(
    "command", [[*TRAIN, "--set", "data.source=words.csv"], ["eval", "-m", "base", "--data", "words.csv"]]
)
def test_a_placeholder_is_not_taken_as_a_label(place, command):
    """Only the user knows what yes and no mean: typed as it is, the suggestion is refused, and says why."""
    code, message = run(command)
    assert (code, "negative: [...], positive: [...]" in message) == (3, True)
    code, message = run([*command, *repairs(message)[0]])
    assert code == 2
    assert "data.labels.negative: ... is a placeholder; write the labels of the data that are negative" in message
    code, message = run([*command, "--set", "data.labels={negative: [no], positive: [yes]}"])
    assert code == 0, message


# Options that messages name


def options_of(command: Any, name: str = "") -> Iterator[tuple[str, set[str]]]:
    """Yield the name of each command, and its options."""
    if (commands := getattr(command, "commands", None)) is not None:
        for key, below in commands.items():
            yield from options_of(below, f"{name} {key}".strip())
    else:
        both = (option for each in command.params for option in (*each.opts, *each.secondary_opts))
        yield name, {"--help", "--version", *both}


OPTIONS = dict(options_of(typer.main.get_command(application())))

PRINTED_BY = {  # the beginning of a module's path -> the commands that print its messages, as far as they name options
    "data/readers/pieces.py": ["predict"],
    "data/readers/stream_tables.py": ["predict"],
    "inspection/evaluate.py": ["eval", "report"],
    "inspection/gradcheck.py": ["gradcheck"],
    "inspection/influence.py": ["blame"],
    "inspection/layer": ["gradcheck"],
    "inspection/trace.py": ["trace"],
    "inspection/pages/play": ["play"],
    "model/decision.py": ["predict"],
    "distributed/predict": ["predict"],
    "distributed/sweep": ["sweep run"],
    "runs/directory.py": ["train", "pretrain"],
    "runs/gradient_flow.py": ["runs flow"],
    "runs/find.py": ["train", "pretrain"],
    "training/sweep": ["sweep run"],
    "training/": ["train"],
    "config/space": ["sweep run"],
    "model/initial.py": ["train"],
    "config/": ["train", "pretrain", "eval", "gradcheck", "audit", "report", "bench", "config show"],
    "data/split.py": ["sweep run"],
    "data/": ["train", "pretrain", "eval", "predict", "gradcheck", "audit", "report"],
}

NOT_OPTIONS = tuple(
    f"inspection/pages/{name}.py" for name in ("chart_data", "charts", "class_charts", "training_charts", "sweep")
)  # style sheets


OF_DASK = re.compile(r"dask (?:worker|scheduler) [^;,()]*")  # commands of another program


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the strings of a module with their lines, and `{}` for what an f-string fills in; but no docstrings."""
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(value) for value in node.values}
            parts = [value.value if isinstance(value, ast.Constant) else "{}" for value in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


def test_no_message_names_an_option_that_its_command_lacks():
    wrong, checked = [], 0
    root = Path(package.__file__).parent
    for path in sorted(root.rglob("*.py")):
        module = path.relative_to(root).as_posix()
        if module in NOT_OPTIONS:
            continue
        commands = next((names for start, names in PRINTED_BY.items() if module.startswith(start)), [])
        if module.startswith("cli/"):
            commands = [name for name in OPTIONS if name.split(" ")[0] == path.stem]
        for line, text in texts(ast.parse(path.read_text())):
            for named, option in named_options(OF_DASK.sub("", text)):
                checked += 1
                lacking = [each for each in named or commands or list(OPTIONS) if option not in OPTIONS[each]]
                if lacking and (named or commands) and (module[:4] != "cli/" or len(lacking) == len(named or commands)):
                    wrong.append(f"{module}:{line}: {option} is no option of {', '.join(lacking)}")
                elif not any(option in options for options in OPTIONS.values()):
                    wrong.append(f"{module}:{line}: {option} is no option")
    assert not wrong, "\n".join(wrong)
    assert checked > 50, "the scan finds the messages"


def named_options(text: str) -> Iterator[tuple[list[str], str]]:
    """Yield the options in a text, each with the command in whose `sentibp ...` it stands, if any."""
    inside = r"(?<!\w)sentibp ((?:runs |words |config )?[a-z]+)([^`;|\n]*)"
    for command, rest in re.findall(inside, text):
        if command in OPTIONS:
            yield from (([command], option) for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", rest))
    for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", re.sub(inside, "", text)):
        yield [], option
