"""`sentibp init`: the config that it writes trains, or names the lines to fill in."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
import subprocess
from pathlib import Path

import datasets
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from sentibp.config.load import load_config
from sentibp.data import sources
from sentibp.data.readers.table import ReadOptions

SHORT = ("--set", "train.epochs=1", "--set", "model.hidden=[]")  # a training where the network is not the point


def texts(count: int = 60, first: int = 0) -> list[str]:
    return sources.load_corpus("sample").text[first : first + count].to_pylist()


def write(path: str, header: list[str], rows: list[list]) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def airline(path: str) -> None:
    kinds = ["negative", "neutral", "positive"]
    rows = [[57030 + i, kinds[i % 3], f"user{i // 3}", text, "2015-02-24"] for i, text in enumerate(texts())]
    write(path, ["tweet_id", "airline_sentiment", "name", "text", "created"], rows)


def stars(path: str) -> None:
    reviews = [{"body": text, "stars": 1.0 + i % 5, "user": {"name": f"u{i // 2}"}} for i, text in enumerate(texts())]
    Path(path).write_text(json.dumps({"n": 60, "data": {"reviews": reviews}}, indent=1), encoding="utf-8")


def labelled(path: str, first: int = 0) -> None:
    rows = [[f"Title {i} {i}", text, i % 2] for i, text in enumerate(texts(first=first))]
    write(path, ["Title", "Text", "label"], rows)


def classes(path: str) -> None:
    for i, text in enumerate(texts()):
        file = Path(path, "pos" if i % 2 else "neg", f"{i}.txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def splits(path: str) -> None:
    for i, name in enumerate(("train", "dev", "test")):
        labelled(f"{path}/{name}.csv", first=60 * i)


def scores(path: str) -> None:
    """A continuous label, some of it missing, beside measures of other things."""
    rows = [
        [text, 0.3 + 0.01 * i, ["?", "", f"{0.0165 * i:.4f}"][min(i, 2)], 9.99 + i] for i, text in enumerate(texts())
    ]
    write(path, ["sentence", "confidence", "sentiment_value", "price"], rows)


def toxicity(path: str) -> None:
    write(path, ["comment", "toxicity"], [[text, f"{(i * 0.618) % 1:.4f}"] for i, text in enumerate(texts())])


def property_of_texts(path: str) -> None:
    write(path, ["comment", "is_toxic"], [[text, i % 2] for i, text in enumerate(texts())])


def answers(path: str) -> None:
    write(path, ["comment", "offensive"], [[text, ["no", "yes"][i % 2]] for i, text in enumerate(texts())])


CONFIGS = {
    "scores.csv": (
        scores,
        "label_column: sentiment_value  # numbers from 0.033 to 0.9735",
        'negative: ["<=0.4"]',
        'positive: [">=0.6"]',
        'ignore: ["?", ""]  # rows without a label',
    ),
    "toxicity.csv": (
        toxicity,
        'low_toxicity: ["<=0.4"]',
        'high_toxicity: [">=0.6"]',
        "ordered: false",
    ),
    "property.csv": (property_of_texts, "label_column: is_toxic", "not_toxic: [0]", "toxic: [1]", "ordered: false"),
    "answers.csv": (answers, 'not_offensive: ["no"]', 'offensive: ["yes"]', "ordered: false"),
    "tweets.csv": (
        airline,
        "text_column: text",
        "label_column: airline_sentiment",
        "negative: [negative]",
        "ignore: [neutral]",
        "# group_column: name",
    ),
    "yelp.json": (stars, "text_column: body", "label_column: stars", "negative: [1, 2]", "ignore: [3]"),
    "my reviews.csv": (labelled, "text_column: Text", "label_column: label", "negative: [0]", "positive: [1]"),
    "films": (classes, "validation: 0.1"),
    "split": (splits, "validation: validation"),
}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("folder", ["", "configs/"])
def test_the_config_trains(sentibp, here, name, folder):
    write_file, *expected = CONFIGS[name]
    write_file(name)
    Path("configs").mkdir(exist_ok=True)
    arguments = ["--out", f"{folder}own.yaml"] if folder else []
    result = sentibp("init", name, "--json", *arguments).json
    assert (result["rows"], result["fill_in"]) == (60, [])
    content = Path(result["config"]).read_text(encoding="utf-8")
    for line in expected:
        assert f"  {line}" in content
    sentibp("train", result["config"], "--quiet", *SHORT)


def test_what_only_the_user_knows_is_named(sentibp, here):
    write("moods.csv", ["Comment", "mood"], [[text, ["ja", "nein", ""][i % 3]] for i, text in enumerate(texts())])
    done = sentibp("init", "moods.csv")
    lines = Path("moods.yaml").read_text(encoding="utf-8").splitlines()
    named = [line for line in done.out.splitlines() if line.startswith("fill in")]
    assert named == [
        f"fill in  moods.yaml:{number}: which labels are {kind}, of: ja, nein"
        for kind in ("negative", "positive")
        for number, line in enumerate(lines, 1)
        if line.startswith(f"    {kind}: [...]")
    ]
    assert '    ignore: [""]  # 20 rows without a label' in lines
    assert sentibp("train", "moods.yaml", code=2).err.count("is a placeholder") == 2


def test_a_file_without_labels(sentibp, here):
    write("new.csv", ["id", "comment"], [[i, text] for i, text in enumerate(texts())])
    assert (
        "the column with the labels: no column looks like it (id: another value in every row, as ids have); "
        in sentibp("init", "new.csv").out
    )


def test_many_classes_of_a_known_column(sentibp, here):
    """With more than 20, the config had no labels, and its training ended in an error without a repair."""
    rows = [[f"{text} about {i % 25}", f"topic {i % 25}"] for i, text in enumerate(texts(150))]
    write("topics.csv", ["text", "topic"], rows)
    option = " (topic: more than 20 different values; if these are the labels, add --set data.label_column=topic);"
    assert option in sentibp("init", "topics.csv").out
    Path("topics.yaml").unlink()
    columns = ["--set", "data.source=topics.csv", "--set", "data.label_column=topic"]
    said = sentibp("train", "quickstart", *columns, code=3).err
    fact, _, rest = said.partition("; if each is a class, this writes their list: ")
    assert fact.startswith("topics.csv: 25 different labels: topic 0 (6), topic 1 (6), ")
    command = shlex.split(rest.partition("; otherwise: ")[0])
    done = sentibp(*command[1:])
    told = "each label of 'topic' is a class, without an order: topic 0, topic 1, "
    assert f"advice   {told}" in done.out
    assert "fill in" not in done.out
    config = load_config("topics.yaml").config
    assert config.data.labels == {f"topic {i}": [f"topic {i}"] for i in range(25)}
    assert not config.data.ordered
    assert sentibp("train", "topics.yaml", "--quiet", *SHORT).code == 0


def test_too_many_classes_of_a_known_column(sentibp, here):
    """The config had no labels, in silence, and its training ended in an error without a repair."""
    rows = [[f"{text} about {i % 120}", f"topic {i % 120}"] for i, text in enumerate(texts(360))]
    write("topics.csv", ["text", "topic"], rows)
    said = sentibp("init", "topics.csv", "--label-column", "topic").out
    assert "'topic' has more than 100 different labels, which are too many classes: list some, or groups of" in said
    told = "; if each is a class, list at most 100, or groups of them, in data.labels, and the others under ignore; "
    assert told in sentibp("train", "topics.yaml", code=3).err
    rest = ", ".join(f"topic {i}" for i in range(60, 120))
    groups = f"{{first: [{', '.join(f'topic {i}' for i in range(30))}], second: [topic 30, topic 31], ignore: [{rest}"
    groups = f"data.labels={groups}, {', '.join(f'topic {i}' for i in range(32, 60))}]}}"
    assert sentibp("train", "topics.yaml", "--set", groups, "--set", "data.ordered=false", "--quiet", *SHORT).code == 0


def test_labels_of_a_row_that_keep_reviews_from_being_held_out_are_told(sentibp, here):
    """The config said that 31 reviews are too few. Of three classes, one of nine or more is left uncut."""
    rows = [[text, ("Sport", "Food")[i % 2]] for i, text in enumerate(texts(30))]
    write("more.csv", ["text", "topic"], [*rows, ["one shot was fired", "War"]])
    assert "held out" not in sentibp("init", "more.csv").out
    assert "  validation: 0.1  # the share to hold out and score on, but for 1 class with too few reviews; or " in (
        Path("more.yaml").read_text()
    )
    done = sentibp("train", "more.yaml", *SHORT)
    assert "too few reviews to hold one out: War (1); its review is training data" in done.err
    scored = [line.split() for line in sentibp("eval").out.splitlines()]
    assert ["War", "0", "-", "-", "-"] in scored
    assert "| War | 0 | – | – | – |" in sentibp("card").out
    write("topics.csv", ["text", "topic"], [*rows[:8], ["one shot was fired", "War"]])
    advice = sentibp("init", "topics.csv").out.splitlines()[-2]
    assert advice.startswith("advice   no review is held out, so that the accuracy on new reviews will not be known: ")
    assert "and there is one row of War; add rows" in advice
    assert "  validation: 0  # a class has too few reviews" in Path("topics.yaml").read_text()
    options = shlex.split(advice.partition("leave these out: add ")[2])
    assert "held out" not in sentibp("init", "topics.csv", "--force", *options).out
    assert load_config("topics.yaml").config.data.labels == {"Sport": ["Sport"], "Food": ["Food"], "ignore": ["War"]}
    result = sentibp("train", "topics.yaml", "--quiet", "--json", *SHORT).json
    assert (result["scored_on"], result["scores"]["n"]) == ("validation", 2)
    write("few.csv", ["text", "label"], [["a good film", "Gut"], ["a bad film", "Schlecht"], ["so dull", "Schlecht"]])
    assert "and there is one row of Gut; add rows" in sentibp("init", "few.csv").out
    assert "    negative: [Schlecht]\n    positive: [Gut]\n" in Path("few.yaml").read_text()
    write("three.csv", ["text", "label"], [["a good film", "T"], ["a bad film", "F"]] * 3)
    assert "which labels are negative, of: T, F\n" in sentibp("init", "three.csv").out
    assert "  validation: 0.2  # the share to hold out and score on, so that each class has a review there; or" in (
        Path("three.yaml").read_text()
    )


@pytest.mark.parametrize("name", ["lists.jsonl", "lists.parquet"])
def test_a_column_of_lists_is_named(sentibp, here, name):
    rows = [{"text": text, "topics": ["food", "price"]} for text in texts()]
    if name.endswith(".jsonl"):
        Path(name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        parquet.write_table(pa.Table.from_pylist(rows), name)
    assert "no column looks like it (topics: lists or objects, and a text has one label)" in sentibp("init", name).out
    assert "label_column: ...  # fill in; the other columns are topics" in Path("lists.yaml").read_text()


def test_nothing_is_overwritten(sentibp, here):
    labelled("reviews.csv")
    Path("reviews.yaml").write_text("mine")
    done = sentibp("init", "reviews.csv", code=2)
    assert (
        done.err == "reviews.yaml: already there; write another with --out reviews-2.yaml, or replace it with --force\n"
    )
    assert Path("reviews.yaml").read_text() == "mine"
    sentibp("init", "reviews.csv", "--out", "reviews-2.yaml")
    sentibp("init", "reviews.csv", "--force")
    assert Path("reviews.yaml").read_text() == Path("reviews-2.yaml").read_text()


def test_mistakes(sentibp, here):
    assert (
        sentibp("init", "nope.csv", code=3).err
        == "nope.csv: no such file; give the path of a file or folder of reviews\n"
    )
    Path("mine.yaml").write_text("data: {source: sample}\n")  # it was "the data", which another file has to take
    assert sentibp("init", "mine.yaml", code=2).err == (
        "mine.yaml: a config already; train it with `sentibp train mine.yaml`\n"
    )
    Path("empty.csv").write_text("text,label\n")
    assert sentibp("init", "empty.csv", code=3).err == "empty.csv: empty; give a file with reviews\n"
    labelled("reviews.csv")
    assert "no/such.yaml: " in sentibp("init", "reviews.csv", "--out", "no/such.yaml", code=2).err
    Path("model.safetensors").write_text("mine")
    for name in "model.safetensors", "-", "mine.csv", "mine":
        message = f"--out {name}: not the name of a config; let it end in .yaml\n"
        assert sentibp("init", "reviews.csv", "--out", name, "--force", code=2).err == message
        assert not Path(name).exists() or Path(name).read_text() == "mine"
    sentibp("init", "reviews.csv", "--out", "mine.YML")


def test_a_file_whose_encoding_is_not_known(sentibp, here):
    """The message says --set data.encoding=NAME, which is no encoding to try."""
    Path("reviews.csv").write_bytes(b"text,label\ngood,1\na\xd7b,0\n")
    assert "reviews.csv:3: " in (said := sentibp("init", "reviews.csv", code=3).err)
    assert "--set data.encoding=NAME" in said


def test_settings_that_the_reader_suggests_are_named(sentibp, here):
    """The config said mac_roman without a word, though that gave the lines in UTF-8 wrong letters."""
    Path("reviews.csv").write_bytes("text,label\nà bon film,1\nmal été,0\n".encode("cp1252"))
    said = sentibp("init", "reviews.csv").err
    how = "it looks like cp1252: --set data.encoding=cp1252; the config has this setting"
    assert said == f"reviews.csv:2: not UTF-8 (byte 0xE0); {how}\n"
    assert sentibp("init", "reviews.csv", "--force", "--set", "data.encoding=cp1252").err == ""


@pytest.mark.parametrize("name", ["reviews.csv", "films"])
def test_data_in_the_place_of_a_config(sentibp, here, name):
    (classes if name == "films" else labelled)(name)
    assert f"sentibp init {name}" in sentibp("train", name, code=2).err


def test_settings_of_the_reader_are_given_and_kept(sentibp, fails, here):
    rows = [[i, ('"' if i in (10, 20) else "") + f"{text}", i % 2] for i, text in enumerate(texts())]
    Path("open.csv").write_text("id,text,label\n" + "".join(f"{i},{t.replace(',', '')},{y}\n" for i, t, y in rows))
    line = fails(3, "init", "open.csv")
    assert "--set data.quoting=none" in line
    sentibp("init", "open.csv", "--set", "data.quoting=none")
    assert "  quoting: none\n" in Path("open.yaml").read_text()
    line = fails(2, "init", "open.csv", "--out", "x.yaml", "--set", "data.source=y.csv")
    assert line.startswith("data.source: ")


TICKETS = ["Date", "Customer", "Ticket text", "Category"]


def tickets(path: str = "tickets.csv") -> None:
    """Write tickets of few customers, in categories that are spelled in several ways, some of them empty."""
    kinds = ["Billing", "bug", "Login", "BILLING", "Bug", "billing ", "", "Bug"]
    rows = [[f"0{i % 9 + 1}.04.2025", f"Shop {i % 3}", text, kinds[i % 8]] for i, text in enumerate(texts(80))]
    write(path, TICKETS, rows)


def test_the_labels_are_in_the_column_that_is_most_like_labels(sentibp, here):
    tickets()
    done = sentibp("init", "tickets.csv")
    config = Path("tickets.yaml").read_text()
    assert "  label_column: Category  # Bug (30), Billing (30), Login (10)\n" in config
    assert "  # label_column: Customer  # Shop 0, Shop 1, Shop 2\n" in config, "what else it may be"
    assert done.err == (
        "tickets.csv: 'Category' is taken as the column with the labels; 'Customer' may be, too: "
        "choose with --set data.label_column=NAME\n"
    )
    each = '  labels: {Bug: [Bug], Billing: [Billing], Login: [Login], ignore: [""]}  # a class for each label; '
    assert f"{each}10 rows without a label\n  ordered: false  # " in config
    sentibp("train", "tickets.yaml", "--dry-run")
    ordered = config.replace("  ordered: false", "  # ordered: false")
    two = ordered.replace("  labels:", "  # labels:").replace(
        "  # labels: {negative: [...], positive: [...], ignore: [...]}",
        '  labels: {negative: [Bug], positive: [Billing], ignore: [Login, ""]}',
    )
    for other in ordered, two:
        Path("tickets.yaml").write_text(other)
        sentibp("train", "tickets.yaml", "--dry-run")


@pytest.mark.parametrize(
    ("header", "column", "negative"), [(["text", "neg", "pos"], "pos", 0), (["text", "is_negative"], "is_negative", 1)]
)
def test_1_in_a_column_called_negative_is_negative(sentibp, here, header, column, negative):
    write("r.csv", header, [[text, i % 2, 1 - i % 2][: len(header)] for i, text in enumerate(texts())])
    sentibp("init", "r.csv")
    data = yaml.safe_load(Path("r.yaml").read_text())["data"]
    assert data["label_column"] == column
    assert data["labels"] == {"negative": [negative], "positive": [1 - negative]}


@pytest.mark.parametrize(
    "options",
    [
        ["--label-column", "Customer", "--text-column", "ticket text"],
        ["--set", "data.label_column=customer", "--set", "data.text_column=Ticket text"],
        ["--label-column", "Category", "--set", "data.label_column=Customer"],
    ],
)
def test_the_columns_are_given(sentibp, here, options):
    tickets()
    sentibp("init", "tickets.csv", *options)
    config = Path("tickets.yaml").read_text()
    assert '  text_column: "Ticket text"  # ' in config
    assert "  label_column: Customer  # Shop 0 (27), Shop 1 (27), Shop 2 (26)\n" in config
    assert '  labels: ["Shop 0", "Shop 1", "Shop 2"]' in config, "the labels are those of the chosen column"


def test_a_given_column_that_is_not_there(sentibp, fails, here):
    tickets()
    line = fails(3, "init", "tickets.csv", "--label-column", "Categry")
    assert line == (
        "tickets.csv:1: no 'Categry'; did you mean --set data.label_column=Category? "
        "There are: Date, Customer, Ticket text, Category"
    )
    sentibp("init", "tickets.csv", "--label-column", "Categry", "--set", "data.label_column=Category")


def test_all_settings_of_data_can_be_given(sentibp, here):
    stars("stars.csv")
    settings = ["data.labels=[1,2,3,4,5]", "data.validation=0.2", "data.ordered=true", "data.group_column=null"]
    sentibp("init", "stars.csv", *(each for setting in settings for each in ("--set", setting)))
    data = yaml.safe_load(Path("stars.yaml").read_text())["data"]
    assert data["labels"] == {n: [n] for n in range(1, 6)}
    assert data["validation"] == 0.2
    assert data["ordered"] is True
    assert "instead of two classes" not in Path("stars.yaml").read_text()


def test_texts_without_spaces_between_words_are_texts(sentibp, here):
    """A space here and there, as after a sentence, makes no difference."""
    sentences = ["这本书的内容很好", "房间又小又旧，不推荐", "物流很快", "屏幕有坏点，客服态度差"]
    rows = [
        [" ".join(sentences[(i + j) % 4] + str(i) for j in range(1 + i % 3)), ["差评", "好评"][i % 2]]
        for i in range(60)
    ]
    write("评论.csv", ["评论", "类别"], rows)
    sentibp("init", "评论.csv", "--out", "c.yaml")
    written = Path("c.yaml").read_text(encoding="utf-8")
    assert "\n  text_column: 评论" in written
    assert "\n  label_column: 类别" in written
    assert sentibp("train", "c.yaml", "--quiet", *SHORT).code == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("confidence", lambda i: 0.5 + i // 3 / 100),
        ("trust", lambda i: 1 if i % 3 else 0.5 + i / 1000),
        ("Retweet count", lambda i: i // 3),
        ("posted", lambda i: f"2024-{i // 28 + 1:02}-{i % 28 // 2 + 1:02} 10:00:00"),
    ],
)
def test_a_measured_number_or_a_time_is_no_group(sentibp, here, name, value):
    """Many reviews may have the same confidence, and belong to nothing; numbers beside empty cells end in .0."""
    rows = [[text, i % 2, value(i), f"{7000 + i // 3}.0"] for i, text in enumerate(texts())]
    write("rated.csv", ["text", "label", name, "film"], rows)
    sentibp("init", "rated.csv")
    written = Path("rated.yaml").read_text(encoding="utf-8")
    assert "# group_column: film " in written
    assert f"group_column: {name}" not in written.replace('"', "")


@pytest.mark.parametrize("repeats", [1, 20])
def test_long_texts_in_groups_may_do_without_names(sentibp, here, repeats):
    """The lines for that are a comment, and train when the marks of comments are removed."""
    rows = [[f"{text} " * repeats, i % 2, f"film {i // 3}"] for i, text in enumerate(texts())]
    write("long.csv", ["text", "label", "film"], rows)
    sentibp("init", "long.csv")
    written = Path("long.yaml").read_text(encoding="utf-8")
    assert ("\n# text:\n#   names: false" in written) == (repeats > 1)
    if repeats > 1:
        used = (
            written.replace("# text:", "text:")
            .replace("#   names", "  names")
            .replace("# group_column", "group_column")
        )
        Path("long.yaml").write_text(used)
        assert sentibp("train", "long.yaml", "--quiet", *SHORT).code == 0
        (config,) = Path("runs").glob("*/config.yaml")
        assert "names: false" in config.read_text(encoding="utf-8")


def test_columns_that_are_not_used_do_not_matter(sentibp, here):
    rows = [{"tags": ["a"], "by": {"ids": [i]}, "body": text, "stars": i % 5 + 1} for i, text in enumerate(texts())]
    Path("tags.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert sentibp("init", "tags.jsonl", "--json").json["fill_in"] == []
    assert "  text_column: body" in Path("tags.yaml").read_text()


@pytest.mark.parametrize("texts", [["great {i}", "bad {i}"], ["ok", "no"], ["the same review again and again"] * 2])
def test_a_usual_name_tells_the_text_column(sentibp, here, texts):
    write("short.csv", ["stars", "text"], [[i % 5 + 1, texts[i % 2].format(i=i)] for i in range(60)])
    assert sentibp("init", "short.csv", "--json").json["fill_in"] == []
    assert "  text_column: text  # " in Path("short.yaml").read_text()


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (
            {"question": "What do you think of item {i} of ours?", "answer": "{text}"},
            ["answer", "question"],
        ),
        ({"content": "{text}", "body": "{text} Again: {text}"}, ["body", "content"]),  # both names are usual
        ({"text": "{text}", "clean": "{text}", "title": "Item {i} is here"}, []),
        ({"remark": "{text}", "when": "1/2/2024 10:{i} AM"}, []),  # a date of three words
    ],
)
def test_a_second_column_of_texts_is_told(sentibp, here, columns, told):
    rows = [[*(each.format(i=i, text=text) for each in columns.values()), i % 2] for i, text in enumerate(texts())]
    write("t.csv", [*columns, "label"], rows)
    notes = [note for note in sentibp("init", "t.csv").err.splitlines() if "with the texts" in note]
    assert len(notes) == bool(told)
    if told:
        taken, other = told
        assert notes[0].startswith(f"t.csv: {taken!r} is taken as the column with the texts; {other!r} may be, too: ")
        joined = notes[0].partition("join them with ")[2]
        sentibp("init", "t.csv", "--force", *shlex.split(joined))
        assert yaml.safe_load(Path("t.yaml").read_text())["data"]["text_column"] == told


def test_of_two_spellings_of_a_column_that_with_more_texts_is_taken(sentibp, here):
    """The note on both named the other one: of lines with the key `text` or `Text`, the longer texts were taken."""
    keys = ["Text", *["text"] * 4] * 12
    lines = [
        {key: text + " too" * (key == "Text"), "label": i % 2}
        for i, (key, text) in enumerate(zip(keys, texts(), strict=True))
    ]
    Path("v.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert "read from the column 'text'" in sentibp("init", "v.jsonl").err
    assert yaml.safe_load(Path("v.yaml").read_text())["data"]["text_column"] == "text"


def test_rows_without_a_label_are_left_out(sentibp, here):
    write("some.csv", ["text", "label"], [[text, i % 2 if i % 5 else ""] for i, text in enumerate(texts())])
    sentibp("init", "some.csv")
    assert '    ignore: [""]  # reviews to leave out, and 12 rows without a label\n' in Path("some.yaml").read_text()


NULL = r"\N"  # of databases


def test_labels_that_stand_for_none_are_no_class(sentibp, here):
    """As a database writes them. The footer is told once, though the file is read more than once."""
    rows = "".join(f"{text}\t{['bug', 'billing', NULL, 'login'][i % 4]}\n" for i, text in enumerate(texts()))
    Path("tickets.tsv").write_text(f"body\tqueue\n{rows}(60 rows)\n")
    done = sentibp("init", "tickets.tsv")
    assert done.err.count("footer") == 1
    assert 'ignore: ["\\\\N"]}  # a class for each label; 15 rows without a label\n' in Path("tickets.yaml").read_text()
    assert "tickets.tsv: 15 reviews left out" in sentibp("train", "tickets.yaml", "--dry-run").err


@pytest.mark.parametrize(
    ("none", "labels", "told"),
    [
        ("-", (1, 2, 4, 5), None),
        ("none", (1, 5), None),
        ("?", ("1 star", "5 stars"), None),
        ("99", (1, 2, 4, 5), "99 (20 rows) is taken as no rating, and left out; if it is one, write it into a list of"),
        ("-1", (1, 2, 4, 5), "-1 (20 rows) is taken as no rating, and left out; if it is one, write it into a list of"),
    ],
)
def test_what_stands_for_no_rating_is_no_class(sentibp, fails, here, none, labels, told):
    """A class of its own took the place of two, and -1 moved the middle of the scale; both in silence."""
    rows = [[text, labels[i % len(labels)] if i % 3 else none] for i, text in enumerate(texts())]
    write("r.csv", ["text", "stars"], rows)
    advice = sentibp("init", "r.csv", "--json").json["advice"]
    assert [each.partition(" data.labels")[0] for each in advice] == ([told] if told else [])
    assert "20 reviews left out" in sentibp("train", "r.yaml", "--dry-run").err
    command = ["train", "default", "--dry-run", "--set", "data.source=r.csv", "--set", "data.label_column=stars"]
    repair = shlex.split(fails(3, *command).rpartition("--set ")[2])[0]
    assert yaml.safe_load(repair.partition("=")[2]) == yaml.safe_load(Path("r.yaml").read_text())["data"]["labels"]
    assert "20 reviews left out" in sentibp(*command, "--set", repair).err


@pytest.mark.parametrize(
    ("column", "labels", "told"),
    [
        ("label", range(6), True),
        ("Class Index", range(1, 5), True),
        ("label", (0, 1), False),
        ("rating", range(5), False),
    ],
)
def test_numbers_in_a_column_called_label_may_be_classes(sentibp, here, column, labels, told):
    """Those of emotions and topics, too, were taken as ratings, and only a comment said so."""
    write("r.csv", ["text", column], [[text, labels[i % len(labels)]] for i, text in enumerate(texts())])
    advice = sentibp("init", "r.csv", "--json").json["advice"]
    assert len(advice) == told
    for each in advice:
        options = shlex.split(each.partition("such as topics, add ")[2])
        sentibp("init", "r.csv", "--force", *options)
        data = yaml.safe_load(Path("r.yaml").read_text())["data"]
        assert (list(data["labels"]), data["ordered"]) == (list(labels), False)


@pytest.mark.parametrize(
    ("columns", "taken"),
    [
        ({"label": [1, 0], "label_text": ["negative", "positive"]}, "label_text"),
        ({"label": [0, 1, 2], "label_name": ["joy", "fear", "anger"]}, "label_name"),
        ({"label": [0, 1], "label_text": ["a", "b", "c"]}, "label"),  # not the names of the numbers
        ({"label": ["bad", "good"], "label_text": ["b", "g"]}, "label"),
    ],
)
def test_names_beside_numbers_are_the_labels(sentibp, here, columns, taken):
    """The numbers were taken: 0 as negative, also where the name beside it is positive."""
    rows = [[text, *(each[i % len(each)] for each in columns.values())] for i, text in enumerate(texts())]
    write("n.csv", ["text", *columns], rows)
    sentibp("init", "n.csv")
    assert yaml.safe_load(Path("n.yaml").read_text())["data"]["label_column"] == taken


def test_a_column_whose_name_says_something_else_is_not_taken_in_silence(sentibp, here):
    rows = [[text, f"Cafe {i % 4}", f"{i / 7:.1f}/5"] for i, text in enumerate(texts())]
    write("n.csv", ["text", "name", "rate"], rows)
    assert "n.csv: 'name' is taken as the column with the labels, though its name says" in sentibp("init", "n.csv").err


@pytest.mark.parametrize(("labels", "told"), [(range(6), True), (range(1, 6), False), (range(11), False)])
def test_0_may_mean_that_there_is_no_rating(sentibp, here, labels, told):
    write("r.csv", ["text", "stars"], [[text, labels[i % len(labels)]] for i, text in enumerate(texts())])
    expected = ["0 is taken as the lowest rating; if it means that there is none, move it to the list ignore"]
    assert sentibp("init", "r.csv", "--json").json["advice"] == expected * told


@pytest.mark.parametrize(
    ("column", "labels", "told"),
    [
        ("note", range(1, 7), True),
        ("grade", range(1, 6), True),
        ("Sterne ★", range(1, 6), False),
        ("rating", range(1, 6), False),
        ("points", range(5), False),
    ],
)
def test_1_may_be_the_best_mark(sentibp, here, column, labels, told):
    write("r.csv", ["text", "channel", column], [[t, "web", labels[i % len(labels)]] for i, t in enumerate(texts())])
    advice = sentibp("init", "r.csv", "--json").json["advice"]
    assert [each for each in advice if "if 1 is the best mark" in each] == advice
    assert len(advice) == told


def test_the_column_of_stars_is_known_by_its_sign(sentibp, here):
    rows = [[text, ("web", "app", "")[i % 3], i % 5 + 1] for i, text in enumerate(texts())]
    write("r.csv", ["Kommentar", "Kanal", "Sterne ★"], rows)
    sentibp("init", "r.csv")
    assert yaml.safe_load(Path("r.yaml").read_text(encoding="utf-8"))["data"]["label_column"] == "Sterne ★"


@pytest.mark.parametrize(("name", "header"), [("two.csv", "a,a"), ("two.tsv", "\t"), ("two.csv", "a,b,a,b")])
def test_columns_that_all_share_their_names(sentibp, here, name, header):
    """No column can be chosen by its name, so the repair is in the file."""
    separator = "\t" if name.endswith("tsv") else ","
    Path(name).write_text(f"{header}\n" + separator.join(["x"] * (header.count(separator) + 1)) + "\n")
    names = dict.fromkeys(header.split(separator))
    lines = [f"{name}: several columns are called {column!r}; rename all but one\n" for column in names]
    assert sentibp("init", name, code=3).err == "".join(lines)


@pytest.mark.parametrize("labels", [("False", "True"), (False, True), ("0", "1"), ("neg", "POSITIVE")])
def test_labels_by_their_usual_names_are_known(sentibp, here, labels):
    """As `train` knows them without a setting. A total below the table is left out."""
    rows = [{"text": text, "label": labels[i % 2]} for i, text in enumerate(texts())]
    Path("r.json").write_text(json.dumps([*rows, {"text": "Total", "label": 60}]))
    done = sentibp("init", "r.json")
    assert "fill in" not in done.out
    data = yaml.safe_load(Path("r.yaml").read_text(encoding="utf-8"))["data"]
    assert [len(data["labels"][kind]) for kind in ("negative", "positive", "ignore")] == [1, 1, 1]
    assert "1 review left out" in sentibp("train", "r.yaml", *SHORT).err


def test_a_further_class_of_a_folder(sentibp, here):
    """The note has the setting, which works in the same command."""
    classes("films")
    for i, text in enumerate(texts(first=100)[:20]):
        file = Path("films", "mixed", f"{i}.txt")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    done = sentibp("init", "films")
    assert "config   films.yaml, for 60 rows" in done.out
    assert done.err.startswith("films/mixed: 20 files not read; the classes are neg, pos; if these are classes, too: ")
    option = shlex.split(done.err.rpartition(": ")[2])
    assert option == ["--set", "data.labels=[neg,mixed,pos]"]
    assert "config   all.yaml, for 80 rows" in sentibp("init", "films", "--out", "all.yaml", *option).out
    assert "80 reviews" in sentibp("train", "all.yaml", *SHORT, "--set", "data.validation=0").err


def test_the_split_that_a_message_names_is_read(sentibp, fails, here):
    Path("d").mkdir()
    labelled("d/a1.csv")
    labelled("d/dev.csv", first=60)
    message = fails(3, "init", "d", "--out", "d.yaml")
    assert "such as --set data.split=validation; there are: validation; of no split: a1.csv; name one" in message
    sentibp("init", "d", "--out", "d.yaml", "--set", "data.split=validation")
    settings = yaml.safe_load(Path("d.yaml").read_text("utf-8"))["data"]
    assert (settings["split"], settings["validation"]) == ("validation", 0.1), "not the same reviews"
    assert "validated on 6" in sentibp("train", "d.yaml", *SHORT).err


FEW_STARS = "--set=data.labels={low: [1, 2], high: [3, 4, 5]}"


@pytest.mark.parametrize(
    ("labels", "options", "validation"),
    [
        ("1001101", [], 0.2),
        ("10", [], 0),
        ("110", [], 0),
        ("5124513", [], 0.2),
        ("5124513", [FEW_STARS, "--set=data.ordered=false"], 0.2),
        ("01" * 6, [], 0.1),
        ("aab" * 7, [], 0.1),
    ],
)
def test_few_rows_have_a_share_with_which_train_holds_out_each_class(sentibp, labels, options, validation):
    """As far as the classes are known: it was 0.1, which `train` refused."""
    write("few.csv", ["text", "label"], [[text, label] for text, label in zip(texts(len(labels)), labels, strict=True)])
    done = sentibp("init", "few.csv", *options)
    assert yaml.safe_load(Path("few.yaml").read_text())["data"]["validation"] == validation
    if "fill in" not in done.out:
        sentibp("train", "few.yaml", "--quiet", *SHORT)
    files = zip(texts(len(labels)), labels, strict=True)
    if set(labels) == {"0", "1"}:
        for number, (text, label) in enumerate(files):
            file = Path("few", ["neg", "pos"][int(label)], f"{number}.txt")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        sentibp("init", "few", "--out", "folder.yaml")
        assert yaml.safe_load(Path("folder.yaml").read_text())["data"]["validation"] == validation


def test_the_share_is_that_of_rows_and_not_of_different_numbers(sentibp, here):
    """A class of one number, though it has half of the rows, "has too few reviews to hold one out"."""
    write("s.csv", ["text", "score"], [[text, (0.125, 0.875)[i % 2]] for i, text in enumerate(texts())])
    assert sentibp("init", "s.csv", "--json").json["advice"] == []
    assert yaml.safe_load(Path("s.yaml").read_text())["data"]["validation"] == 0.1


def test_two_settings_that_belong_together_are_both_taken(sentibp, here):
    lines = [f"{i % 2} a film {'that I saw ' * (i % 5)}here" for i in range(40)]
    Path("reviews.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    sentibp("init", "reviews.txt")
    data = yaml.safe_load(Path("reviews.yaml").read_text(encoding="utf-8"))["data"]
    assert (data["separator"], data["columns"]) == (" ", ["label", "text"])


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@pytest.mark.parametrize(("worse", "better"), [("Negative_Review", "Positive_Review"), ("cons", "pros")])
def test_a_column_of_texts_for_each_class_is_met_with_a_command_that_works(sentibp, fails, here, suffix, worse, better):
    """The name of the hotel was taken as the label."""
    dull = ["No Negative" if i % 4 == 0 else f'the room {i} was "small",\nand noisy\tat night' for i in range(24)]
    good = [None if i % 5 == 0 else f"the staff {i} were friendly and kind" for i in range(24)]
    name = f"hotels{suffix}"
    table = pa.table({"Hotel_Name": [f"Hotel {i % 6}" for i in range(24)], worse: dull, better: good})
    if suffix == ".parquet":
        parquet.write_table(table, name)
    elif suffix == ".jsonl":
        Path(name).write_text("".join(f"{json.dumps(row)}\n" for row in table.to_pylist()))
    else:
        with open(name, "w", newline="", encoding="utf-8-sig") as file:
            writer = csv.writer(file, delimiter="\t" if suffix == ".tsv" else ";", quoting=csv.QUOTE_ALL)
            writer.writerows([table.column_names, *(row.values() for row in table.to_pylist())])
    message = fails(3, "init", name)
    assert fails(3, "train", "quickstart", "--set", f"data.source={name}").startswith(
        message.rpartition("; or name")[0]
    )
    command, _, rest = message.partition("with its label: ")[2].rpartition("; then give ")
    subprocess.run(command, shell=True, check=True)
    corpus = sources.load_corpus(rest.partition(";")[0], ReadOptions(label="label"))
    assert sorted(corpus.text.to_pylist()) == sorted(
        text for text in [*dull, *good] if text not in (None, "No Negative")
    )
    assert corpus.label is not None and corpus.label.sum() == sum(text is not None for text in good)
    sentibp("init", name, "--label-column", "Hotel_Name")


def test_a_label_beside_pros_and_cons_is_taken(sentibp, here):
    rows = [[f"the team {i} is kind and fair", f"the pay {i} is low and late", 1 + i % 5] for i in range(20)]
    write("firms.csv", ["pros", "cons", "overall"], rows)
    done = sentibp("init", "firms.csv")
    assert "'cons' and 'pros' seem to have the texts of a class each; write each text as" in done.err
    assert "label_column: overall" in Path("firms.yaml").read_text()


MARKED = {  # the header of a file of Orange, and the column that it marks as the class
    "below.tab": ("Title\tMood\trating\nstring\tdiscrete\tdiscrete\nmeta\tclass\t\n", "Mood"),
    "short.tab": ("m#Title\tcD#Mood\tD#rating\n", "cD#Mood"),
}


def written(name: str) -> dict:
    """Return the section `data` of a config."""
    return yaml.safe_load(Path(name).read_text(encoding="utf-8"))["data"]


@pytest.mark.parametrize("name", MARKED)
def test_the_class_that_orange_marks_is_the_label(sentibp, fails, here, name):
    """The rating was taken, though a line named the class."""
    header, label = MARKED[name]
    rows = [f"{text}\t{'bad' if i % 2 else 'good'}\t{1 + i % 5}\n" for i, text in enumerate(texts())]
    Path(name).write_text(header + "".join(rows), encoding="utf-8")
    assert "may be, too" not in sentibp("init", name).err
    assert written(f"{name.partition('.')[0]}.yaml")["label_column"] == label
    named = ["--set", f"data.source={name}", "--set", f"data.text_column={json.dumps(header.partition(chr(9))[0])}"]
    said = fails(3, "train", "quickstart", *named).splitlines()[-1]
    repair = said.partition("no 'label'; did you mean ")[2].partition("? There are: ")[0]
    classes = "data.labels={negative: [bad], positive: [good]}"
    sentibp("train", "quickstart", *named, *shlex.split(repair), "--set", classes)


@pytest.mark.parametrize("label", ["label", "mood"])
def test_numbers_that_a_file_of_the_hub_names_mean_their_names(sentibp, here, label):
    """0 was taken as negative, and a rating beside the named numbers as the label."""
    kinds = {"text": datasets.Value("string"), "rating": datasets.Value("int64")}
    kinds[label] = datasets.ClassLabel(names=["good", "bad"])
    found = {"text": texts(), "rating": [1 + i % 5 for i in range(60)], label: [i % 2 for i in range(60)]}
    datasets.Dataset.from_dict(found, features=datasets.Features(kinds)).to_parquet("named.parquet")
    sentibp("init", "named.parquet")
    data = written("named.yaml")
    assert data["label_column"] == label and data["labels"] == {"negative": ["bad"], "positive": ["good"]}
    corpus = sources.load_corpus("named.parquet", ReadOptions(label=label), labels=data["labels"])
    assert corpus.label is not None and corpus.label.tolist() == [1, 0] * 30
    sentibp("init", "named.parquet", "--label-column", "rating", "--out", "rating.yaml")
    assert written("rating.yaml")["labels"]["negative"] == [1, 2]


@pytest.mark.skipif(not shutil.which("jq"), reason="needs jq")
def test_what_init_does_not_read_is_named(sentibp, fails, here):
    """Of two columns called `text` nothing was said, and of a list of labels nothing that helps."""
    write("two.csv", ["text", "text", "label"], [[i, text, i % 2] for i, text in enumerate(texts())])
    assert (
        "two.csv: 2 columns are called 'text', and are not used; rename all but one" in sentibp("init", "two.csv").err
    )
    rows = [
        json.dumps({"id": i, "text": text, "label": ["good", "bad"][i % 2 :][:1]}) for i, text in enumerate(texts())
    ]
    Path("lists.jsonl").write_text("\n".join(rows), encoding="utf-8")
    command = fails(3, "init", "lists.jsonl").rpartition("keep the first: ")[2]
    subprocess.run(command, shell=True, check=True)
    sentibp("init", "reviews.jsonl")
    assert written("reviews.yaml")["labels"] == {"negative": ["bad"], "positive": ["good"]}
    for i, text in enumerate(texts()):
        Path("each").mkdir(exist_ok=True)
        Path("each", f"{i}.json").write_text(json.dumps({"text": text, "label": i % 2}), encoding="utf-8")
    command = (
        fails(3, "init", "each").rpartition("if each is one review: ")[2].partition("; then give labelled.json")[0]
    )
    subprocess.run(command, shell=True, check=True)
    assert sentibp("init", "labelled.json", "--json").json["rows"] == 60


@pytest.mark.parametrize(("labels", "taken"), [(["POSITIVE"], "answer"), (["POSITIVE", "NEGATIVE"], "label")])
def test_answers_of_prodigy_are_the_labels_if_there_is_one_label(sentibp, here, labels, taken):
    """The advice to keep what was accepted would leave one class."""
    answers = ["accept", "reject", "ignore"]
    lines = [
        {"text": text, "label": labels[i % len(labels)], "answer": answers[i // 2 % 3]}
        for i, text in enumerate(texts())
    ]
    Path("p.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert ("also where these are wrong" in sentibp("init", "p.jsonl").err) == (taken == "label")
    assert yaml.safe_load(Path("p.yaml").read_text())["data"]["label_column"] == taken


def test_ids_are_no_texts_without_spaces(sentibp, here):
    """They are longer than short reviews, and were the texts."""
    rows = [[f"l3Wk_mvAog6XANIuGQ{i:04}", f"sehr {'gut' if i % 2 else 'schlecht'} {i}", i % 2] for i in range(60)]
    write("r.csv", ["review_id", "Kommentar", "Urteil"], rows)
    sentibp("init", "r.csv")
    assert written("r.yaml")["text_column"] == "Kommentar"
