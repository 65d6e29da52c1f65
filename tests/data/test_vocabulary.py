"""Compare the vocabulary with a slow reference that counts n-grams as strings in a Counter."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from contextlib import contextmanager, nullcontext
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sentibp.data import ngram_counts, vocabulary_build
from sentibp.data import vocabulary as vocabulary_module
from sentibp.data.ngram_counts import NONE
from sentibp.data.tokenizer import Tokens, tokenize
from sentibp.data.vocabulary import Vocabulary, merge
from sentibp.data.vocabulary_build import build_vocabulary
from sentibp.utils import spill
from sentibp.utils.arrow import TEXT
from sentibp.utils.arrow import strings as to_arrow

few = settings(max_examples=30, deadline=None)
many = settings(max_examples=50, deadline=None)


def tokens_of(corpus) -> Tokens:
    """The tokens of texts given as lists of words, in the form of `tokenize`: some of its words are blanks."""
    place = {" ": 0}
    ids = [place.setdefault(word, len(place)) for words in corpus for word in words]
    offsets = np.cumsum([0, *map(len, corpus)], dtype=np.int64)
    return Tokens(np.array(ids, np.int32), offsets, pa.array(place, TEXT))


def make(corpus, ngrams=1, min_count=1, max_features=None) -> Vocabulary:
    return build_vocabulary(tokens_of(corpus), ngrams, min_count, max_features)[0]


def split(*texts):
    return [text.split() for text in texts]


# Few words, so that repeats and ties are frequent. Punctuation and apostrophes sort next to the space of an n-gram,
# and what begins alike tells the order of words from the order of texts.
WORDS = ["a", "b", "ab", "a'b", "!", "-", "0", "é", "👍", "ﬁ"]
corpora = st.lists(st.lists(st.sampled_from(WORDS[:3]) | st.sampled_from(WORDS), max_size=8), max_size=6)
sizes = st.fixed_dictionaries({"ngrams": st.integers(1, 3), "min_count": st.integers(1, 3)})
limits = st.none() | st.integers(0, 12)


# --- the oracle


def oracle_features(corpus, ngrams=1, min_count=1, max_features=None):
    """Return the texts of the features in the order of their ids."""
    count = Counter(
        " ".join(words[i : i + n]) for words in corpus for n in range(1, ngrams + 1) for i in range(len(words) - n + 1)
    )
    ranked = sorted((text for text in count if count[text] >= min_count), key=lambda text: (-count[text], text))
    top = ranked[:max_features]
    return [text for text in top if set(text.split()) <= set(top)]  # an n-gram is kept only with its words


def oracle_encoding(features, corpus, ngrams=3):
    """Return the feature ids of each text, and the number of its unknown tokens."""
    place = {text: i for i, text in enumerate(features)}
    ids = [
        [
            place[" ".join(words[end - n : end])]
            for end in range(1, len(words) + 1)
            for n in range(1, min(ngrams, end) + 1)
            if " ".join(words[end - n : end]) in place
        ]
        for words in corpus
    ]
    return ids, [sum(word not in place for word in words) for words in corpus]


def encoding(vocabulary, corpus):
    ragged, unknown = vocabulary.encode(tokens_of(corpus))
    assert (ragged.ids.dtype, ragged.offsets.dtype) == (np.int32, np.int64)
    assert (len(ragged.offsets), ragged.offsets[0], ragged.offsets[-1]) == (len(corpus) + 1, 0, len(ragged.ids))
    return [ragged.ids[i:j].tolist() for i, j in pairwise(ragged.offsets)], unknown.tolist()


def check_features(corpus, **options):
    vocabulary = make(corpus, **options)
    assert vocabulary.features().to_pylist() == oracle_features(corpus, **options)


@contextmanager
def in_pieces():
    """Process everything in the smallest pieces, and in files."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (vocabulary_module, "PIECE"),
            (vocabulary_build, "_ORDERED"),
            (ngram_counts, "_SHARD"),
            (spill, "IN_MEMORY"),
        ):
            patch.setattr(module, name, 1)
        yield


def check_encoding(vocabulary, corpus):
    assert encoding(vocabulary, corpus) == oracle_encoding(vocabulary.features().to_pylist(), corpus)


# --- by hand


def test_three_short_reviews():
    corpus = split("not good", "not very good", "very very good")
    vocabulary = make(corpus, ngrams=2)
    assert vocabulary.features().to_pylist() == [
        *["good", "very"],  # three times
        *["not", "very good"],  # twice
        *["not good", "not very", "very very"],  # once, in alphabetical order
    ]
    assert vocabulary.words.to_pylist() == ["good", "very", "not"]
    assert vocabulary.prefix.tolist() == [NONE, NONE, NONE, 1, 2, 2, 1]
    assert vocabulary.word.tolist() == [0, 1, 2, 0, 0, 1, 1]
    assert vocabulary.word_features.tolist() == [0, 1, 2]
    assert len(vocabulary) == 7
    # not | good, not good | ? | very | good, very good
    assert encoding(vocabulary, split("not good , very good", "", "bad")) == ([[2, 0, 4, 1, 0, 3], [], []], [1, 0, 1])


def test_from_real_tokens():
    tokens = tokenize(to_arrow(["Not good.", "", "Good, not great...", "NOT GOOD!"]))
    vocabulary = build_vocabulary(tokens, ngrams=2, min_count=2)[0]
    assert vocabulary.features().to_pylist() == ["good", "not", "not good"]
    ragged, unknown = vocabulary.encode(tokens)
    assert ragged.ids.tolist() == [1, 0, 2, 0, 1, 1, 0, 2]
    assert ragged.offsets.tolist() == [0, 3, 3, 5, 8]
    assert unknown.tolist() == [1, 0, 3, 1]


@pytest.mark.parametrize(
    ("words", "features", "fault"),
    [
        ("a", [[-1, 0, 0]], "no pairs of numbers"),
        ("a", [[-1.0, 0.0]], "no pairs of numbers"),
        ("a\nb\nc", [[-1, 0]], "more words than features"),
        ("a", [[-2, 0]], "not in order"),
        ("a", [[0, 0]], "not in order"),
        ("a\nb", [[-1, 0], [-1, 2]], "does not hold"),
        ("a\nb", [[-1, 0], [-1, -1]], "does not hold"),
        ("a\nb", [[-1, 1], [-1, 0]], "not each a feature, in order"),
        ("a\nb", [[-1, 0], [0, 1]], "not each a feature, in order"),
        ("a", [[-1, 0], [0, 0], [1, 0], [2, 0]], "more than 3 words"),
    ],
)
def test_arrays_that_are_no_vocabulary(words, features, fault):
    array = np.array(features)
    array = array if array.dtype == np.float64 else array.astype(np.int32)
    with pytest.raises(ValueError, match=fault):
        Vocabulary.from_tensors(np.frombuffer(words.encode(), np.uint8), array)


def test_the_form_of_the_arrays():
    for vocabulary in (make(split("a b a b"), ngrams=3), make([]), make([[]], ngrams=2)):
        assert vocabulary.words.type == TEXT
        assert vocabulary.prefix.dtype == vocabulary.word.dtype == vocabulary.word_features.dtype == np.int32
        assert len(vocabulary.prefix) == len(vocabulary.word) == len(vocabulary)


def test_unigram_bigram_and_trigram_follow_one_another_where_they_end():
    vocabulary = make(split("a b c"), ngrams=3)
    name = vocabulary.features().to_pylist()
    ((ids,), _) = encoding(vocabulary, split("a b c"))
    assert [name[i] for i in ids] == ["a", "b", "a b", "c", "b c", "a b c"]


def test_n_grams_end_with_the_text():
    corpus = split("a b", "", "c", "a b")
    assert make(corpus, ngrams=3).features().to_pylist() == ["a", "a b", "b", "c"]
    assert encoding(make(split("a b c"), ngrams=3), split("a", "b", "", "c")) == ([[0], [3], [], [5]], [0, 0, 0, 0])


def test_n_grams_do_not_skip_an_unknown_word():
    vocabulary = make(split("a b", "a b"), ngrams=2)
    assert vocabulary.features().to_pylist() == ["a", "a b", "b"]
    assert encoding(vocabulary, split("a x b", "x a b x")) == ([[0, 2], [0, 2, 1]], [1, 2])


def test_overlapping_repeats_count_each_time():
    assert make(split("a a a a"), ngrams=3, min_count=2).features().to_pylist() == ["a", "a a", "a a a"]
    assert make(split("a a a a"), ngrams=3, min_count=3).features().to_pylist() == ["a", "a a"]


def test_a_known_pair_of_words_that_is_no_feature():
    vocabulary = make(split("a b", "a b", "b a"), ngrams=2, min_count=2)
    assert vocabulary.features().to_pylist() == ["a", "b", "a b"]
    assert encoding(vocabulary, split("b a b b")) == ([[1, 0, 1, 2, 1]], [0])


def test_a_trigram_needs_its_first_bigram_and_has_it():
    vocabulary = make(split("a b c", "x b c"), ngrams=3)
    name = vocabulary.features().to_pylist()
    ((ids,), _) = encoding(vocabulary, split("b c a b c"))
    assert [name[i] for i in ids] == ["b", "c", "b c", "a", "b", "a b", "c", "b c", "a b c"]


def test_pairs_of_numbers_pass_32_bits():
    """With 70,000 words a pair of numbers is one of 4.9 billion."""
    n = 70_000
    corpus = [[f"w{i:05}" for i in range(n)], [f"w{i:05}" for i in range(n - 1, -1, -1)]]
    vocabulary = make(corpus, ngrams=2)
    assert len(vocabulary) == n + 2 * (n - 1)
    name = np.array(vocabulary.features().to_pylist(), object)
    ids, unknown = encoding(vocabulary, corpus)
    assert unknown == [0, 0]
    for words, row in zip(corpus, ids, strict=True):
        assert name[row[0]] == words[0]
        assert name[row[1::2]].tolist() == words[1:]
        assert name[row[2::2]].tolist() == [f"{one} {two}" for one, two in pairwise(words)]


# --- against the oracle


@many
@given(corpora, sizes, limits)
def test_features_are_those_of_the_oracle(corpus, options, limit):
    check_features(corpus, **options, max_features=limit)


@many
@given(corpora, corpora, sizes, limits)
def test_encoding_is_that_of_the_oracle(corpus, others, options, limit):
    vocabulary = make(corpus, **options, max_features=limit)
    check_encoding(vocabulary, corpus)
    check_encoding(vocabulary, others)  # words and pairs that the vocabulary has not seen


@many
@given(corpora, corpora, sizes, limits)
def test_pieces_and_files_make_no_difference(corpus, others, options, limit):
    whole, encoded = build_vocabulary(tokens_of(corpus), **options, max_features=limit)
    with in_pieces():
        vocabulary, features = build_vocabulary(tokens_of(corpus), **options, max_features=limit)
        assert same(vocabulary, whole)
        assert (features.ids.tolist(), features.offsets.tolist()) == (encoded.ids.tolist(), encoded.offsets.tolist())
        assert encoding(vocabulary, others) == encoding(whole, others)


def peak_of_building(monkeypatch, texts: int) -> int:
    """The most bytes that numpy holds while texts of 1,000 tokens, which lie in a file, are counted and encoded."""
    for module, name, value in (
        (vocabulary_module, "PIECE", 4000),
        (vocabulary_build, "_ORDERED", 1000),
        (ngram_counts, "_SHARD", 1 << 14),
    ):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(spill, "IN_MEMORY", 1 << 14)
    ids = spill.empty(texts * 1000, np.int32)
    ids[:] = np.random.default_rng(0).integers(0, 40, len(ids))
    tokens = Tokens(ids, np.arange(texts + 1) * 1000, to_arrow(f"w{i}" for i in range(40)))
    tracemalloc.start()
    try:
        build_vocabulary(tokens, ngrams=2, max_features=100)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_text(monkeypatch):
    few, many = (peak_of_building(monkeypatch, texts) for texts in (100, 800))
    assert many < 3 * few
    assert many < 800 * 1000 * 4, "which is less than the ids of the words alone"


def test_a_text_processed_as_a_whole_is_detected(monkeypatch):
    few = peak_of_building(monkeypatch, 100)
    monkeypatch.setattr(vocabulary_build, "cuts", lambda offsets, size: iter([(0, len(offsets) - 1)]))
    assert peak_of_building(monkeypatch, 800) > 3 * few


def test_a_piece_missing_from_the_counts_is_detected(monkeypatch):
    """Plant a classic bug of merging: only the first piece of text is counted."""
    parts = ngram_counts.Pairs._spans_of
    monkeypatch.setattr(ngram_counts.Pairs, "_spans_of", lambda self, shard: list(parts(self, shard))[:1])
    corpus = split("a b c", "b c")
    check_features(corpus, ngrams=2, min_count=2)
    with in_pieces(), pytest.raises(AssertionError):
        check_features(corpus, ngrams=2, min_count=2)


@few
@given(corpora, corpora)
def test_words_of_one_corpus_only(corpus, others):
    """The other words are unknown, and n-grams do not skip them."""
    vocabulary = make([[word for word in words if word in "ab"] for words in corpus], ngrams=3)
    check_encoding(vocabulary, others)


@few
@given(corpora, sizes)
def test_encoding_the_same_texts_reproduces_all_counts(corpus, options):
    vocabulary = make(corpus, **options)
    ids, _ = encoding(vocabulary, corpus)
    counts = np.bincount([i for row in ids for i in row], minlength=len(vocabulary))
    assert (counts >= options["min_count"]).all()
    assert (np.diff(counts) <= 0).all()


@few
@given(corpora, sizes, st.randoms(use_true_random=False))
def test_the_order_of_the_texts_makes_no_difference(corpus, options, random):
    shuffled = random.sample(corpus, len(corpus))
    assert same(make(shuffled, **options), make(corpus, **options))


# --- max_features


def check_closed(vocabulary):
    """Each feature comes with its prefix and with all its words, and after them."""
    name = vocabulary.features().to_pylist()
    assert len(set(name)) == len(name)
    for i, text in enumerate(name):
        words = text.split(" ")
        assert set(words) <= set(name)
        assert len(words) == 1 or " ".join(words[:-1]) in name[:i]


@many
@given(corpora, sizes, limits)
def test_kept_n_grams_come_with_their_prefix_and_words(corpus, options, limit):
    vocabulary = make(corpus, **options, max_features=limit)
    check_closed(vocabulary)
    assert vocabulary.words.take(pa.array(vocabulary.word[vocabulary.word_features])).equals(vocabulary.words)


groups = st.lists(st.integers(0, 2), min_size=30, max_size=30)


@settings(max_examples=30, deadline=None)
@given(corpora, st.integers(1, 3), st.integers(1, 2), st.integers(1, 3), groups)
def test_features_that_occur_in_enough_groups(corpus, ngrams, min_count, min_groups, group):
    """Compare with the features of all texts, and in how many of the texts of a group each is found."""
    tokens, group = tokens_of(corpus), np.resize(group, len(corpus)).astype(np.int32)
    everything, encoded = build_vocabulary(tokens, ngrams, min_count)
    where = [set(group[encoded.review[encoded.ids == i]].tolist()) for i in range(len(everything))]
    names = everything.features().to_pylist()
    expected = [name for name, groups in zip(names, where, strict=True) if len(groups) >= min_groups]
    for context in nullcontext, in_pieces:
        with context():
            vocabulary, found = build_vocabulary(tokens, ngrams, min_count, min_groups=min_groups, group=group)
        assert vocabulary.features().to_pylist() == expected
        np.testing.assert_array_equal(found.ids, vocabulary.encode(tokens)[0].ids)


@many
@given(corpora, sizes, st.integers(0, 12))
def test_a_limit_keeps_the_most_frequent(corpus, options, limit):
    every = make(corpus, **options).features().to_pylist()
    kept = make(corpus, **options, max_features=limit).features().to_pylist()
    assert len(kept) <= limit
    assert kept == [text for text in every[:limit] if text in kept]
    if options["ngrams"] == 1 or limit >= len(every):
        assert kept == every[:limit]


def test_a_cut_through_a_tie_drops_the_n_gram_without_its_word():
    corpus = split("a b", "a b")
    assert make(corpus, ngrams=2, max_features=3).features().to_pylist() == ["a", "a b", "b"]
    assert make(corpus, ngrams=2, max_features=2).features().to_pylist() == ["a"]  # "a b" stands before "b"
    assert make(corpus, ngrams=2, max_features=1).features().to_pylist() == ["a"]


def test_a_cut_through_a_tie_drops_what_extends_a_dropped_n_gram():
    """In order they are c, a, "a b", "a b c", b: without b there is no "a b", and without "a b" no "a b c"."""
    vocabulary = make(split("a b c", "c"), ngrams=3, max_features=4)
    assert vocabulary.features().to_pylist() == ["c", "a"]


# --- nothing to go by


@pytest.mark.parametrize("corpus", [[], [[]], [[], [], []]])
@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_a_corpus_without_a_word(corpus, ngrams):
    vocabulary = make(corpus, ngrams=ngrams)
    assert len(vocabulary) == 0
    assert vocabulary.features().to_pylist() == vocabulary.words.to_pylist() == []
    assert encoding(vocabulary, corpus) == ([[]] * len(corpus), [0] * len(corpus))


@pytest.mark.parametrize("options", [{"min_count": 5}, {"min_count": 5, "ngrams": 3}, {"max_features": 0}])
def test_to_an_empty_vocabulary_every_word_is_unknown(options):
    vocabulary = make(split("a b", "c"), **options)
    assert len(vocabulary) == 0
    assert encoding(vocabulary, split("a b", "", "c")) == ([[], [], []], [2, 0, 1])


@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_texts_without_a_token_between_others(ngrams):
    vocabulary = make(split("", "a b", "", "", "a", ""), ngrams=ngrams)
    check_encoding(vocabulary, split("", "a b", "", "", "a", ""))
    check_encoding(vocabulary, [])
    check_encoding(vocabulary, [[]])


# --- the most words in a feature


@pytest.mark.parametrize(
    ("texts", "min_count", "depth"),
    [
        (["a b c"], 1, 3),
        (["a b", "b a"], 1, 2),  # no text is long enough for a trigram
        (["a b c", "a b d"], 2, 2),  # no trigram is frequent enough
        (["a b", "c a", "b c"], 2, 1),  # nor a bigram
        (["a"], 1, 1),
        (["a"], 2, 1),
    ],
)
def test_the_depth_is_that_of_the_longest_feature_kept(texts, min_count, depth):
    vocabulary = make(split(*texts), ngrams=3, min_count=min_count)
    assert vocabulary.depth == depth
    assert vocabulary.depth == max([1, *(len(text.split()) for text in vocabulary.features().to_pylist())])


def test_encoding_looks_no_deeper_than_needed(monkeypatch):
    looked, pairs = [], vocabulary_module.pair_keys
    vocabulary = make(split("a b c", "a b d"), ngrams=3, min_count=2)
    monkeypatch.setattr(vocabulary_module, "pair_keys", lambda *arguments: looked.append(1) or pairs(*arguments))
    check_encoding(vocabulary, split("a b c", "b a b"))
    assert len(looked) == 1


# --- restored from its arrays


def same(a: Vocabulary, b: Vocabulary) -> bool:
    return a.words.equals(b.words) and a.prefix.tolist() == b.prefix.tolist() and a.word.tolist() == b.word.tolist()


@few
@given(corpora, corpora, sizes, limits)
def test_a_restored_vocabulary_encodes_the_same(corpus, others, options, limit):
    vocabulary = make(corpus, **options, max_features=limit)
    restored = Vocabulary(
        pa.array(vocabulary.words.to_pylist(), TEXT), vocabulary.prefix.copy(), vocabulary.word.copy()
    )
    assert len(restored) == len(vocabulary)
    assert restored.features().equals(vocabulary.features())
    assert encoding(restored, others) == encoding(vocabulary, others)


# --- merged


def check_merge(old, new):
    merged = merge(old, new)
    before, added = old.features().to_pylist(), new.features().to_pylist()
    added = sorted((text for text in added if text not in set(before)), key=lambda text: len(text.split()))
    assert merged.features().to_pylist() == before + added
    assert merged.prefix.dtype == merged.word.dtype == np.int32
    check_closed(merged)
    return merged


@many
@given(corpora, corpora, corpora, sizes, sizes)
def test_merging_keeps_the_old_ids_and_adds_what_is_new(corpus, more, others, options, new_options):
    merged = check_merge(make(corpus, **options), make(more, **new_options))
    check_encoding(merged, corpus)
    check_encoding(merged, others)


def test_merging_with_itself_or_with_nothing_changes_nothing():
    vocabulary, nothing = make(split("a b c", "b c"), ngrams=3), make([])
    assert same(merge(vocabulary, vocabulary), vocabulary)
    assert same(merge(vocabulary, nothing), vocabulary)
    assert same(merge(nothing, nothing), nothing)
    check_merge(nothing, vocabulary)


# --- the tests can fail


def pairs_across_texts(level, word, offsets, m):
    """Plant a classic bug: the corpus is treated as one long text."""
    before = np.concatenate(([NONE], level[:-1])).astype(np.int64)
    return np.where((before == NONE) | (word == NONE), NONE, before * m + word)


def pairs_in_buckets(level, word, offsets, m):
    """Plant hash buckets, in which different n-grams collide."""
    pairs = vocab_pairs(level, word, offsets, m)
    return np.where(pairs == NONE, NONE, pairs % 5)


vocab_pairs = vocabulary_module.pair_keys


def test_bigrams_across_texts_are_detected(monkeypatch):
    corpus = split("a b", "b a")
    vocabulary = make(split("a b b a"), ngrams=2)
    check_features(corpus, ngrams=2)
    check_encoding(vocabulary, corpus)
    monkeypatch.setattr(vocabulary_module, "pair_keys", pairs_across_texts)
    with pytest.raises(AssertionError):
        check_features(corpus, ngrams=2)
    with pytest.raises(AssertionError):
        check_encoding(vocabulary, corpus)


def test_hash_buckets_are_detected(monkeypatch):
    vocabulary = make(split("a b c"), ngrams=2)
    check_encoding(vocabulary, split("c c b b a a"))
    monkeypatch.setattr(vocabulary_module, "pair_keys", pairs_in_buckets)
    with pytest.raises(AssertionError):
        check_encoding(vocabulary, split("c c b b a a"))


def test_an_n_gram_without_its_word_is_detected(monkeypatch):
    monkeypatch.setattr(vocabulary_build, "_closed", lambda chosen, prefix, last: chosen)
    with pytest.raises((AssertionError, pa.ArrowException)):
        check_closed(make(split("a b", "a b"), ngrams=2, max_features=2))


def test_ordering_by_count_alone_is_detected(monkeypatch):
    monkeypatch.setattr(vocabulary_build, "by_frequency", lambda texts, count: np.argsort(-count, kind="stable"))
    with pytest.raises(AssertionError):
        check_features(split("a b"), ngrams=2)


@pytest.mark.parametrize("largest", [3, 1 << 15, 1 << 16, 1 << 30])  # the last two do not fit in numbers of 64 bits
@given(
    rows=st.lists(st.lists(st.integers(-1, 3), min_size=4, max_size=4), max_size=30, unique_by=tuple),
    counts=st.lists(st.integers(0, 3), min_size=30, max_size=30),
)
def test_the_order_by_frequency_and_text(largest, rows, counts):
    texts = np.array([[-1 if each < 0 else each * largest // 3 for each in row] for row in rows], np.int32)
    count = np.array(counts[: len(rows)], np.int64) * largest
    expected = sorted(range(len(rows)), key=lambda row: (-count[row], rows[row]))
    assert vocabulary_build.by_frequency(texts.reshape(-1, 4), count).tolist() == expected


@given(texts=st.lists(st.lists(st.sampled_from("abc"), max_size=9), max_size=6), ngrams=st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_the_encoded_texts_equal_those_of_encode(texts, ngrams):
    tokens = tokenize(to_arrow([" ".join(words) for words in texts]))
    for options in {"min_count": 1}, {"min_count": 2}, {"min_count": 1, "max_features": 4}:
        vocabulary, ragged = build_vocabulary(tokens, ngrams, **options)
        again, _ = vocabulary.encode(tokens)
        assert ragged.ids.tolist() == again.ids.tolist()
        assert ragged.offsets.tolist() == again.offsets.tolist()
        assert (ragged.ids.dtype, ragged.offsets.dtype) == (np.int32, np.int64)


# --- parts of words

SAD = ["unhappy unkind", "unhappily kindly", "~~ kind"]
SHARED = {"un~": 3, "unh~": 2, "unha~": 2, "unhap~": 2, "unhapp~": 2, "ki~": 2, "kin~": 2, "kind~": 2}
SHARED |= {"~ly": 2, "~nd": 2, "~ind": 2, "~kind": 2}


def test_affixes_that_two_words_share_follow_the_other_features():
    plain, extended = (build_vocabulary(tokenize(to_arrow(SAD)), 2, affixes=parts)[0] for parts in (False, True))
    names = extended.features().to_pylist()
    assert names[: len(plain)] == plain.features().to_pylist()
    assert names[len(plain) :] == sorted(SHARED, key=lambda name: (-SHARED[name], name))
    assert extended.is_affix.tolist() == [False] * len(plain) + [True] * len(SHARED)
    assert not plain.is_affix.any()


def test_an_unknown_word_has_its_longest_affixes():
    vocabulary, _ = build_vocabulary(tokenize(to_arrow(SAD)), 2, affixes=True)
    features, unknown = vocabulary.encode(tokenize(to_arrow(["unhappiest kindly", "zzz madly unkind zzz", "un ~ un~"])))
    names = np.array(vocabulary.features().to_pylist(), object)
    split = [names[features.ids[a:b]].tolist() for a, b in pairwise(features.offsets.tolist())]
    assert split == [["unhapp~", "kindly"], ["~ly", "unkind"], ["un~", "un~"]]
    assert unknown.tolist() == [0, 2, 2]


def test_affix_pairs():
    vocabulary, _ = build_vocabulary(tokenize(to_arrow(SAD)), 1, affixes=True)
    names = vocabulary.features().to_pylist()
    pairs = {(names[row], names[part]) for row, part in zip(*vocabulary.affix_pairs(), strict=True)}
    assert {part for row, part in pairs if row == "unkind"} == {"un~", "~nd", "~ind", "~kind"}
    assert {part for row, part in pairs if row == "unha~"} == {"un~", "unh~", "unha~"}
    assert {part for row, part in pairs if row == "~ind"} == {"~nd", "~ind"}
    assert not {part for row, part in pairs if row == "~~"}


@few
@given(st.lists(st.text("aab~", max_size=12), max_size=8), st.integers(1, 2), st.none() | st.integers(1, 9))
@example(["unkind unhappy", "unreal"], 1, 2)  # each word is frequent; the last one is cut, and has an affix instead
def test_with_affixes_the_encoded_texts_equal_those_of_encode(texts, min_count, max_features):
    tokens = tokenize(to_arrow(texts))
    vocabulary, ragged = build_vocabulary(tokens, 2, min_count, max_features, affixes=True)
    again, _ = vocabulary.encode(tokens)
    assert ragged.ids.tolist() == again.ids.tolist()
    restored = Vocabulary.from_tensors(*vocabulary.tensors().values())
    assert restored.is_affix.tolist() == vocabulary.is_affix.tolist()
    assert merge(vocabulary, vocabulary).features().equals(vocabulary.features())
