"""Names: which words are names, tokens in lower case beside their capitals, and vocabularies without names."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sentibp.data import encode, names
from sentibp.data.folding import Spelling
from sentibp.data.names import Capitals, find_names, tokenize_with_capitals
from sentibp.data.sources import load_corpus
from sentibp.data.tokenizer import tokenize
from sentibp.errors import DataError
from sentibp.inspection import gradcheck, label_audit
from sentibp.training import bench
from sentibp.training.prepare import prepare
from sentibp.utils.arrow import strings

SEEN = "we saw Tom and his dog"


def names_in(*texts: str) -> list[str]:
    tokens, capitals = tokenize_with_capitals(strings(texts), Spelling())
    return tokens.words.filter(names.from_numpy(find_names(tokens.words, capitals).left_out)).to_pylist()


@pytest.mark.parametrize(
    ("texts", "expected"),
    {
        "a name within sentences": ([SEEN] * 3, ["tom"]),
        "it follows a word twice only": ([SEEN] * 2 + ["Tom is here. Tom, too"], []),
        "as often small as with a capital": ([SEEN] * 3 + ["a tom tom tom"], []),
        "less often small": ([SEEN] * 4 + ["a tom tom tom"], ["tom"]),
        "the beginning of a sentence": (["good. Film. Good film! Film, Film (Film) 'Film"] * 3, []),
        "the beginning of a text": (["Tom"] * 9, []),
        "an abbreviation": (["a DVD is on TV"] * 3, ["dvd", "tv"]),
        "a word that is loud now and then": (["it is GREAT"] * 3 + ["a great film"] * 3, []),
        "I": (["well I think I'm here, and I've been"] * 3, []),
        "one letter": (["the letter X", "the letter Xx"] * 3, ["xx"]),
        "several in a row": (["with Tom Tiny Little"] * 3, ["tom", "tiny", "little"]),
        "after a number": (["in 1999 Tom left"] * 3, ["tom"]),
        "after a comma or a quote": (["well, Tom left", 'he said "Tom'] * 3, []),
        "other scripts": (["тут был Иван дома", "ήταν ο Γιάννης εκεί", "le bel Été"] * 3, ["иван", "γιάννησ", "été"]),
        "scripts without capitals": (["这 是 好 电影", "यह फिल्म अच्छी है"] * 3, []),
        "letters only": (["a Mc-Donald O'Brien R2D2 Covid19"] * 3, ["mc"]),
        "capitals inside": (["by McDonald"] * 3, ["mcdonald"]),
        "nouns in German": (["ein guter Film mit viel Humor"] * 3, ["film", "humor"]),
        "no text": ([], []),
        "empty texts": (["", " "], []),
    }.values(),
)
def test_names(texts, expected):
    assert names_in(*texts) == expected


def cased_letters() -> list[str]:
    every = (chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF)
    return [letter for letter in every if letter.lower() != letter or letter.upper() != letter]


SPELLINGS = [Spelling(), Spelling(folding=1), Spelling(classes=("url", "email", "mention", "number"))]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("form", ["{}", "a{}b A{}B x {}{}. I{}9"])
def test_the_tokens_are_those_of_the_tokenizer_for_every_letter_with_a_case(spelling, form):
    """Among them are letters that the tokenizer knows in one case only."""
    for letters in cased_letters(), [chr(0xA7CB), chr(0xA7DD)], ["\u0130", "\u1e9e", "\u03a3", "\u01c5"]:
        text = strings([form.replace("{}", letter) for letter in letters])
        same(tokenize_with_capitals(text, spelling)[0], tokenize(text, spelling))


TEXT = st.lists(
    st.text("aAiIsS .,'\u0130\u0131\u1e9e\u03a3\u01c5\ua7cb\u0301\u200d<>@5&;", max_size=12) | st.text(max_size=6),
    max_size=6,
)


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(texts=TEXT)
@settings(max_examples=30, deadline=None)
@example(texts=["@\u0130"])  # a mention in lower case only
@example(texts=["a\ua7cbb"])  # a letter in lower case only
def test_the_tokens_are_those_of_the_tokenizer(spelling, texts):
    same(tokenize_with_capitals(strings(texts), spelling)[0], tokenize(strings(texts), spelling))


def same(tokens, expected) -> None:
    assert tokens.ids.tolist() == expected.ids.tolist()
    assert tokens.offsets.tolist() == expected.offsets.tolist()
    assert tokens.words.equals(expected.words)


@given(texts=st.lists(st.lists(st.sampled_from(["Tom", "tom", "TOM", "a", ".", "5"]), max_size=9), max_size=9))
@settings(max_examples=60, deadline=None)
def test_the_counts_are_those_of_plain_python_and_pieces_make_no_difference(texts):
    text = strings(map(" ".join, texts))
    follows, capital = dict.fromkeys(["tom", "a", ".", "5"], 0), dict.fromkeys(["tom", "a", ".", "5"], 0)
    for words in texts:
        for before, word in pairwise(words):
            if before != ".":
                follows[word.lower()] += 1
                capital[word.lower()] += word[0] == "T"
    for piece in (1 << 20, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(names, "_PIECE", piece)
            tokens, found = tokenize_with_capitals(text, Spelling())
        for number, word in enumerate(tokens.words.to_pylist()):
            assert (found.follows[number], found.capital[number]) == (follows[word], capital[word])


def test_a_word_is_a_name_from_three_times_on_and_in_more_than_half_of_them():
    words = strings(["few", "some", "half", "more", "x", "a1"])
    capitals = Capitals(np.array([2, 3, 4, 5, 9, 9]), np.array([2, 3, 2, 3, 9, 9]))
    assert find_names(words, capitals).left_out.tolist() == [False, True, False, True, False, False]


def test_a_frequent_word_is_no_name():
    """Hollywood and TV are about many films. What is frequent depends on the size of the data, from 128 times on."""
    words = strings(["rare", "often", "small"])
    for rare, total in (128, 1257), (300, 10_000_000):
        counts = np.array([rare, rare + 1, total - 2 * rare - 1])
        found = find_names(words, Capitals(counts, counts * [1, 1, 0]))
        assert found.left_out.tolist() == [True, False, False]
        assert found.share == (2 * rare + 1) / total  # frequent ones, too: they tell German from English


def write(path, rows: list[str]) -> None:
    path.write_text("\n".join(["text,label", *rows]) + "\n")


@pytest.fixture
def films(here, write_config):
    """Return a function that prepares reviews of the films of Tom, with settings of `text`."""
    write(here / "films.csv", [f"a {w} film with Tom in it,{i % 2}" for i, w in enumerate(["bad", "good"] * 20)])

    def prepared(builtin=False, **text):
        settings = {"ngrams": 2, "affixes": False} | text
        pretrain = {} if builtin else {"vectors": "none"}
        return prepare(write_config(data={"source": "films.csv", "validation": 0.2}, text=settings, pretrain=pretrain))

    return prepared


def test_names_and_pairs_with_them_are_no_features(films):
    every, without = (set(films(names=setting).vocabulary.features().to_pylist()) for setting in (True, False))
    assert every - without == {"tom", "with tom", "tom in"}
    assert without < every


def test_names_are_none_of_the_words_that_are_known_before(films):
    """The vectors that come with sentibp are of frequent names, too."""
    every, without = (set(films(True, names=setting).vocabulary.features().to_pylist()) for setting in (True, False))
    assert "excellent" in without
    assert "tom" in every - without


def test_prediction_passes_over_them(films):
    vocabulary = films(names=False).vocabulary
    ids, unknown = vocabulary.encode(tokenize(strings(["a film with Tom in it"])))
    features = vocabulary.features().to_pylist()
    assert [features[i] for i in ids.ids] == ["a", "film", "with", "film with", "in", "it", "in it"]
    assert unknown.tolist() == [1]


def test_the_cache_knows_their_share(films, monkeypatch):
    shares = []
    encoded = lambda *a, **k: shares.append(original(*a, **k)) or shares[-1]  # noqa: E731
    original = encode.encode
    monkeypatch.setattr("sentibp.training.prepare.encode", encoded)
    for _ in range(2):
        films(names=False)
    films(names=True)
    assert [each.names for each in shares] == [1 / 6, 1 / 6, 0.0]


def test_many_names_are_told_with_the_repair(films):
    (note,) = [note for note in films(names=False).notes if "names" in note]
    assert note == (
        "text.names: 17% of the words mostly have a capital, and rare ones of them are left out as names; "
        "if the language writes other words so, too, as German does: --set text.names=true"
    )
    assert not [note for note in films(names=True).notes if "names" in note]


def test_only_names(films, here, complaint):
    write(here / "films.csv", [f"{'Tom ' * 5},{i % 2}" for i in range(40)])
    assert "there is no word but names (text.names) in the 32 training reviews" in complaint(
        DataError, films, names=False, ngrams=1
    )


@pytest.mark.parametrize("names", [True, False])
def test_other_commands_leave_the_same_words_out(films, write_config, names):
    films(names=names)  # writes the reviews
    text = {"ngrams": 1, "affixes": False, "names": names}
    resolved = write_config(data={"source": "films.csv", "validation": 0.2}, text=text)
    classifier, _ = gradcheck.build_with_sample(resolved, 40)
    _, vocabulary, _ = label_audit._encode(load_corpus("films.csv"), resolved.config)
    for each in classifier.vocabulary, vocabulary:
        assert ("tom" in each.features().to_pylist()) == names
    assert bench.measure_speed(prepare(resolved)).build > 0
