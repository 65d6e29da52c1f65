"""The table of well-known files in the guide: each config reads a small file of that shape, row by row.

The texts are made up here; only the shape of each file (names, columns, quoting, encoding) is that of the known one.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from sentibp.config.load import load_config
from sentibp.data.dataset import load_data

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "data.md"

ROW = re.compile(r"^\| `(?P<file>[^`]+)`[^|]* \| (?P<shape>[^|]+) \| `(?P<config>data: \{.*\})` \|$", re.MULTILINE)

PHRASES = (
    "the plot, as far as there is one, holds",
    'they call it "a classic" and mean it',
    "I'd watch it again - it's 100% fun; really",
    "two hours of rain and nobody laughs",
)


def text(i: int) -> str:
    """Return a text with the characters that break files: commas, quotes, semicolons, apostrophes."""
    return f"{PHRASES[i % 4]} ({i})"


def rows(count: int, *labels: object) -> list[tuple[int, str, object]]:
    """Return (number, text, label) for `count` reviews, whose labels take turns."""
    return [(i, text(i), labels[i % len(labels)]) for i in range(count)]


def write_csv(path: Path, header: list[str] | None, lines: list[list], encoding: str = "utf-8", **dialect) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", **dialect)
    writer.writerows([header, *lines] if header else lines)
    path.write_bytes(out.getvalue().encode(encoding))


def write_lines(path: Path, lines: list[str], encoding: str = "utf-8") -> None:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))


def json_lines(records: list[dict]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


# Each writer makes a file of that shape, and returns how many of its rows are negative or positive.


def imdb_kaggle(path: Path) -> int:
    lines = [[f"{t}.<br /><br />More.", label] for _, t, label in rows(24, "positive", "negative")]
    write_csv(path, ["review", "sentiment"], lines)
    return 24


def sentiment140(path: Path) -> int:
    lines = [
        [label, 1467810369 + i, "Mon Apr 06 22:19:45 PDT 2009", "NO_QUERY", f"user{i}", f"@you {t} café"]
        for i, t, label in rows(24, 0, 4)
    ]
    write_csv(path, None, lines, "latin-1", quoting=csv.QUOTE_ALL)
    return 24


def airline(path: Path) -> int:
    lines = [
        [
            570306133677760513 + i,
            label,
            0.5,
            "",
            "",
            "Some Air",
            "",
            "name",
            "",
            0,
            f"@air {t}",
            "",
            "2015-02-24",
            "",
            "",
        ]
        for i, t, label in rows(30, "negative", "neutral", "positive")
    ]
    header = (
        "tweet_id airline_sentiment airline_sentiment_confidence negativereason negativereason_confidence airline "
        "airline_sentiment_gold name negativereason_gold retweet_count text tweet_coord tweet_created tweet_location "
        "user_timezone"
    )
    write_csv(path, header.split(), lines)
    return 20


def amazon(path: Path) -> int:
    records = [
        {"reviewerID": f"A{i}", "asin": "B00", "helpful": [0, i], "reviewText": t, "overall": stars, "summary": "S"}
        for i, t, stars in rows(30, 1.0, 2.0, 3.0, 4.0, 5.0)
    ]
    path.write_bytes(gzip.compress(json_lines(records)))
    return 24


def yelp(path: Path) -> int:
    records = [
        {"review_id": f"r{i}", "user_id": "u", "business_id": "b", "stars": stars, "useful": 0, "text": f"{t}\n\nBye."}
        for i, t, stars in rows(30, 1.0, 2.0, 3.0, 4.0, 5.0)
    ]
    path.write_bytes(json_lines(records))
    return 24


def phrasebank(path: Path) -> int:
    lines = [f"{t} in Järvenpää .@{label}" for _, t, label in rows(30, "positive", "neutral", "negative")]
    write_lines(path, lines, "latin-1")
    return 20


def sst2(path: Path) -> int:
    write_lines(path, ["sentence\tlabel", *(f"{t} \t{label}" for _, t, label in rows(24, 0, 1))])
    return 24


def uci(path: Path) -> int:
    write_lines(path, [f"{t}  \t{label}" for _, t, label in rows(24, 0, 1)])
    return 24


def semeval(path: Path) -> int:
    lines = [f"{628949369883000832 + i}\t{label}\t{t}" for i, t, label in rows(30, "negative", "neutral", "positive")]
    write_lines(path, lines)
    return 20


def phrases(path: Path) -> int:
    lines = [f"{i + 1}\t{i // 3 + 1}\t{t} film {i // 3}\t{label}" for i, t, label in rows(60, 0, 1, 2, 3, 4)]
    write_lines(path, ["PhraseId\tSentenceId\tPhrase\tSentiment", *lines])
    return 48


def popcorn(path: Path) -> int:
    lines = ['"{}_8"\t{}\t"{}"'.format(i, label, t.replace('"', '\\"')) for i, t, label in rows(24, 1, 0)]
    write_lines(path, ["id\tsentiment\treview", *lines])
    return 24


def acl_imdb(path: Path) -> int:
    for split in ("train", "test"):
        for i, t, label in rows(24, "neg", "pos"):
            file = path / split / str(label) / f"{i}_8.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{split} {t}")
    (path / "train" / "unsup").mkdir()
    (path / "train" / "unsup" / "0_0.txt").write_text("nobody knows")
    return 24


def fine_food(path: Path) -> int:
    lines = [
        [i, "B001", f"A{i}", "someone", 1, 1, stars, 1303862400, "Good, or not", t]
        for i, t, stars in rows(30, *range(1, 6))
    ]
    header = "Id ProductId UserId ProfileName HelpfulnessNumerator HelpfulnessDenominator Score Time Summary Text"
    write_csv(path, header.split(), lines)
    return 24


def polarity(path: Path) -> int:
    write_csv(path, None, [[label, "A title", t] for _, t, label in rows(24, 1, 2)], quoting=csv.QUOTE_ALL)
    return 24


def fasttext(path: Path) -> int:
    write_lines(path, [f"__label__{label} Title: {t}" for _, t, label in rows(24, 1, 2)])
    return 24


def steam(path: Path) -> int:
    lines = [[10, "A Game", f" {t}", label, 0] for _, t, label in rows(24, 1, -1)]
    write_csv(path, ["app_id", "app_name", "review_text", "review_score", "review_votes"], lines)
    return 24


def clothing(path: Path) -> int:
    lines = [[i, 767, 33, "" if i % 5 else "Nice", t, 4, label, 0] for i, t, label in rows(24, 1, 0)]
    header = ["", "Clothing ID", "Age", "Title", "Review Text", "Rating", "Recommended IND", "Positive Feedback Count"]
    write_csv(path, header, lines)
    return 24


def play_store(path: Path) -> int:
    lines = [["An App", t, label, 0.5, 0.5] for _, t, label in rows(30, "Positive", "Neutral", "Negative")]
    lines += [["An App", "nan", "nan", "nan", "nan"]] * 4
    write_csv(path, ["App", "Translated_Review", "Sentiment", "Sentiment_Polarity", "Sentiment_Subjectivity"], lines)
    return 20


def twitter_data(path: Path) -> int:
    write_csv(path, ["clean_text", "category"], [[t, f"{label}.0"] for _, t, label in rows(30, -1, 0, 1)])
    return 20


def hotels(path: Path) -> int:
    write_csv(path, ["Review", "Rating"], [[t, stars] for _, t, stars in rows(30, *range(1, 6))])
    return 24


def chinese_hotels(path: Path) -> int:
    lines = [[label, f"房间很好，服务{t}" if label else f"太吵了，{t}"] for _, t, label in rows(24, 1, 0)]
    write_csv(path, ["label", "review"], lines, "utf-8-sig")
    return 24


def germeval(path: Path) -> int:
    lines = [
        f"http://example.org/{i}\t{t}\ttrue\t{label}\tAllgemein:{label}"
        for i, t, label in rows(30, "negative", "neutral", "positive")
    ]
    write_lines(path, lines)
    return 20


def allocine(path: Path) -> int:
    records = [
        {"film-url": f"https://example.org/{i // 2}", "review": t, "polarity": label} for i, t, label in rows(24, 0, 1)
    ]
    path.write_bytes(json_lines(records))
    return 24


def hub_folder(path: Path) -> int:
    (path / "data").mkdir(parents=True)
    for shard in range(2):
        table = pa.table({"text": [text(i) for i in range(12 * shard, 12 * shard + 12)], "label": [0, 1] * 6})
        parquet.write_table(table, path / "data" / f"train-0000{shard}-of-00002.parquet")
    parquet.write_table(pa.table({"text": ["x"], "label": [1]}), path / "data" / "test-00000-of-00001.parquet")
    return 24


def survey(path: Path) -> int:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["Date", "Comment", "Recommend"])
    for _, t, label in rows(24, "yes", "no"):
        book.active.append(["2026-01-02", t, label])
    book.save(path)
    return 24


WRITERS: dict[str, Callable[[Path], int]] = {
    "IMDB Dataset.csv": imdb_kaggle,
    "training.1600000.processed.noemoticon.csv": sentiment140,
    "Tweets.csv": airline,
    "reviews_Musical_Instruments_5.json.gz": amazon,
    "yelp_academic_dataset_review.json": yelp,
    "Sentences_50Agree.txt": phrasebank,
    "SST-2/train.tsv": sst2,
    "amazon_cells_labelled.txt": uci,
    "twitter-2016train-A.txt": semeval,
    "train.tsv": phrases,
    "labeledTrainData.tsv": popcorn,
    "aclImdb": acl_imdb,
    "Reviews.csv": fine_food,
    "amazon_review_polarity_csv/train.csv": polarity,
    "train.ft.txt": fasttext,
    "dataset.csv": steam,
    "Womens Clothing E-Commerce Reviews.csv": clothing,
    "googleplaystore_user_reviews.csv": play_store,
    "Twitter_Data.csv": twitter_data,
    "tripadvisor_hotel_reviews.csv": hotels,
    "ChnSentiCorp_htl_all.csv": chinese_hotels,
    "train_v1.4.tsv": germeval,
    "allocine.jsonl": allocine,
    "rotten_tomatoes": hub_folder,
    "survey.xlsx": survey,
}


def table() -> dict[str, str]:
    """Return the config of each file in the table of the guide."""
    return {row["file"]: row["config"] for row in ROW.finditer(GUIDE.read_text(encoding="utf-8"))}


def test_the_table_has_these_files():
    assert list(table()) == list(WRITERS)


@pytest.mark.parametrize("name", WRITERS)
def test_a_well_known_file_is_read_with_its_config(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    expected = WRITERS[name](path)
    Path("c.yaml").write_text(table()[name] + "\n", encoding="utf-8")
    config = load_config("c.yaml").config
    training, validation = load_data(config)
    held_out = [] if validation is None else validation.text.to_pylist()
    texts = training.text.to_pylist() + held_out
    assert len(texts) == expected
    for each in texts:  # every text is whole: nothing is cut off, swallowed or left quoted
        assert sum(phrase in each for phrase in PHRASES) == 1, each
        assert re.search(r"\(\d+\)", each)
        assert not each.startswith('"') and "\\" not in each
