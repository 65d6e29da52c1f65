"""Build a vocabulary from shards of the text, each of which a task counts, and encode them: the same as in one process.

    tokenize_shard   the tokens of a shard, as files; its distinct words and their counts
    count_pairs      the n-grams of a shard, one word longer than those before, as a file, sorted by parts
    merge_counts     the counts of one part of all shards: only frequent n-grams are kept
    encode_shard     the features of a shard, as files, once the vocabulary is known

The files are in a folder that all workers see. The process that asks has the distinct words, the n-grams that are kept,
and the encoded texts, which are mapped into memory; it never has the tokens or the rare n-grams.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.folding import Spelling
from sentibp.data.key_table import NONE
from sentibp.data.names import Capitals, Names, find_names, tokenize_with_capitals
from sentibp.data.overlap import Holders, holders
from sentibp.data.shifters import marked_words
from sentibp.data.tokenizer import Tokens, tokenize
from sentibp.data.vocabulary import Vocabulary, pair_keys
from sentibp.data.vocabulary_build import Ngrams, add_affixes, add_words, number_features
from sentibp.nn import Ragged
from sentibp.utils import array_files
from sentibp.utils.arrow import from_numpy, prefix_sums, to_numpy
from sentibp.utils.executor import Executor, Serial
from sentibp.utils.files import WriteError, data_error_on_failure
from sentibp.utils.spill import build_arrays

if TYPE_CHECKING:
    from sentibp.config.schema import Text

_MIX = np.uint64(0x9E3779B97F4A7C15)  # spreads n-grams over the parts, as in ngram_counts

SAME_COMMAND = "then give the same command again"
"""What to do after a failure before a training has begun."""


class Workers(NamedTuple):
    """Who does the work, and in how many shards."""

    executor: Executor
    shards: int
    folder: Path  # that all workers see


@contextmanager
def workers_beside(path: Path, executor: Executor | None, shards: int, advice: str = "") -> Iterator[Workers | None]:
    """Yield the workers, whose folder is in `path` and removed at the end. None if this process does the work itself.

    WriteError, with the advice, if its files cannot be written.
    """
    if executor is None or isinstance(executor, Serial) or shards == 1:
        yield None
        return
    with data_error_on_failure(path, advice):
        path.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=path.absolute(), prefix=".shards-", ignore_cleanup_errors=True)
    try:
        with folder as name:
            yield Workers(executor, shards, Path(name))
    except WriteError as error:
        *lines, last = error.lines
        raise WriteError(*lines, "; ".join(filter(None, [last, advice]))) from None


def counting(executor: Executor | None, shards: int, settings: Text) -> str | None:
    """Return a line that says what the workers do, which takes its time; None if this process does the work.

    With text.min_groups, it does: a feature may be in a group's reviews of several shards.
    """
    if executor is None or isinstance(executor, Serial) or shards == 1 or settings.min_groups > 1:
        return None
    return f"the workers split the reviews into words and count them, in {shards:,} shards ..."


class TextShard(NamedTuple):
    """A shard of texts: the name of its files, without the ending."""

    path: str
    digest: str  # of the file of texts
    name: str


class Counted(NamedTuple):
    """The tokens of a shard, in short."""

    words: pa.LargeStringArray  # distinct, in order of appearance
    count: np.ndarray  # (m,) of each word
    capitals: Capitals | None  # of these words, if names are left out
    tokens: int
    texts: int


class ShardedTokens:
    """The tokens of all texts, on the workers; here are their distinct words (m,), in order of appearance."""

    def __init__(self, workers: Workers, texts: Sequence[pa.ChunkedArray], settings: Text):
        """The first of the `texts` are those of the training reviews."""
        self.workers = workers
        written = [_write_texts(workers, text, f"text-{number}") for number, text in enumerate(texts)]
        self.shards = [shard for shards in written for shard in shards]
        submit = workers.executor.submit
        how = Spelling.of(settings), settings.names
        futures = [submit(tokenize_shard, shard, *how, name=shard.name) for shard in self.shards]
        self.counted: list[Counted] = [workers.executor.result(future) for future in futures]
        words = pa.concat_arrays([each.words for each in self.counted]).dictionary_encode()
        ends = np.cumsum([len(each.words) for each in self.counted])
        self.words: pa.LargeStringArray = words.dictionary
        self.number = np.split(to_numpy(words.indices), ends[:-1])  # of each word of a shard, among all words
        self.count = self._sum([each.count for each in self.counted])
        no_names = Names(np.zeros(len(self.words), bool), 0.0)
        self.left_out, self.names = no_names if settings.names else self._names()  # `names` is Names.share
        self.training = slice(0, len(written[0]))  # its shards
        self.training_tokens = sum(each.tokens for each in self.counted[self.training])
        for shard, number in zip(self.shards, self.number, strict=True):
            array_files.save(f"{shard.path}.number.npy", number)

    def _sum(self, counts: Sequence[np.ndarray]) -> np.ndarray:
        """Return the sums of counts of the words of each shard: (m,) int64, of all words."""
        total = np.zeros(len(self.words), np.int64)
        for number, count in zip(self.number, counts, strict=True):
            total[number] += count
        return total

    def _names(self) -> Names:
        """Return which of all words are names."""
        capitals = [each.capitals for each in self.counted if each.capitals is not None]
        follows, capital = (self._sum(column) for column in zip(*capitals, strict=True))
        return find_names(self.words, Capitals(follows, capital))

    def holders(self, k: int, wanted: np.ndarray) -> Holders:
        """Return which training texts have the sequences of k tokens with the hashes (v,), in ascending order."""
        path = str(self.workers.folder / "wanted.npy")
        array_files.save(path, wanted)
        submit = self.workers.executor.submit
        futures = [submit(find_sequences, shard, k, path, name=shard.name) for shard in self.shards[self.training]]
        found, before = Holders(len(wanted)), 0
        for future, each in zip(futures, self.counted[self.training], strict=True):
            pairs, frequent = self.workers.executor.result(future)
            found.add_shard(pairs + before, frequent)
            before += each.texts
        return found


def vocabulary_of_shards(tokens: ShardedTokens, settings: Text) -> Vocabulary:
    """Return the vocabulary of all texts that `vocabulary_build.build_vocabulary` returns, except for min_groups."""
    workers, shards = tokens.workers, tokens.shards
    count = tokens.count
    kept = np.flatnonzero((count >= settings.min_count) & ~tokens.left_out)
    kept = kept[to_numpy(pc.sort_indices(tokens.words.take(from_numpy(kept))))]
    m = len(kept)
    rank = np.full(len(tokens.words), NONE, np.int32)
    rank[kept] = np.arange(m, dtype=np.int32)
    for shard, number in zip(shards, tokens.number, strict=True):
        array_files.save(f"{shard.path}.rank.npy", rank[number])
    none = np.zeros((m, 2), np.int64)
    by_length = [Ngrams(np.full(m, NONE), np.arange(m), count[kept], np.arange(m).reshape(m, 1), none)]
    levels: list[str] = []  # for each length, the file with the keys of its n-grams, in ascending order
    start = 0
    for _ in range(1, settings.ngrams):
        longer, keys = _extend(workers, shards, by_length[-1], start, levels, m, settings)
        start += len(by_length[-1].last)
        by_length.append(longer)
        levels.append(str(workers.folder / f"level-{len(levels)}.npy"))
        array_files.save(levels[-1], keys)
    words = tokens.words.take(from_numpy(kept))
    vocabulary, _ = number_features(words, by_length, settings.max_features, settings.presence)
    vocabulary = add_affixes(vocabulary) if settings.affixes else vocabulary
    return add_words(vocabulary, marked_words(vocabulary.words)) if settings.shifters else vocabulary


def _extend(
    workers: Workers,
    shards: Sequence[TextShard],
    shorter: Ngrams,
    start: int,
    levels: Sequence[str],
    m: int,
    settings: Text,
) -> tuple[Ngrams, np.ndarray]:
    """Return the n-grams that extend the `shorter` ones, whose numbers begin at `start`, and their keys, ascending."""
    submit, result = workers.executor.submit, workers.executor.result
    parts = len(shards)
    pairs = [submit(count_pairs, shard, levels, m, parts, name=shard.name) for shard in shards]
    workers.executor.settle(pairs)
    paths = [f"{shard.path}.pairs-{len(levels)}" for shard in shards]
    merged = [result(each) for each in [submit(merge_counts, paths, part, settings.min_count) for part in range(parts)]]
    key, count = (np.concatenate(column) for column in zip(*merged, strict=True))
    order = np.argsort(key)
    key, count = key[order], count[order]
    prefix, last = np.divmod(key, max(m, 1))
    texts = np.column_stack((shorter.texts[prefix - start], last))
    longer = Ngrams(prefix, last, count, texts, np.zeros((len(key), 2), np.int64)).most_frequent(settings.max_features)
    return longer, longer.prefix * max(m, 1) + longer.last


def encode_shards(tokens: ShardedTokens, vocabulary: Vocabulary, *, occurrences: bool) -> Ragged:
    """Return the features of all texts, as `vocabulary.encode` does, or `occurrences`. They are mapped into memory."""
    workers = tokens.workers
    path = str(workers.folder / "vocabulary")
    for name, array in vocabulary.tensors().items():
        array_files.save(f"{path}.{name}.npy", array)
    arguments = path, vocabulary.presence, occurrences
    futures = [workers.executor.submit(encode_shard, shard, *arguments, name=shard.name) for shard in tokens.shards]
    workers.executor.settle(futures)
    names = (f"{shard.path}.features" for shard in tokens.shards)
    encoded = ((array_files.load(f"{name}.ids.npy"), array_files.load(f"{name}.lengths.npy")) for name in names)
    ids, lengths = build_arrays(encoded, np.int32, np.int64)
    return Ragged(ids, prefix_sums(lengths))


def _write_texts(workers: Workers, text: pa.ChunkedArray, name: str) -> list[TextShard]:
    """Write the texts in shards: each has the same number of successive texts, but for one."""
    shards = []
    ends = np.linspace(0, len(text), workers.shards + 1).astype(np.int64).tolist()
    for number, (start, stop) in enumerate(pairwise(ends)):
        path = str(workers.folder / f"{name}-{number:04}")
        digest = array_files.save_texts(f"{path}.arrow", text.slice(start, stop - start))
        shards.append(TextShard(path, digest, f"{name} shard {number + 1} of {workers.shards}"))
    return shards


# --- what workers do: each function is pure, all that it needs are its arguments and files ---------------------


def tokenize_shard(shard: TextShard, spelling: Spelling, names: bool) -> Counted:
    """Split the texts of a shard into tokens, and write them into files. Return what of them is needed.

    `names` is the setting text.names.
    """
    text, capitals = array_files.load_texts(f"{shard.path}.arrow", shard.digest), None
    if names:
        tokens = tokenize(text, spelling)
    else:
        tokens, capitals = tokenize_with_capitals(text, spelling)
    array_files.save(f"{shard.path}.ids.npy", tokens.ids)
    array_files.save(f"{shard.path}.offsets.npy", tokens.offsets)
    array_files.save_texts(f"{shard.path}.words.arrow", pa.chunked_array([tokens.words]))
    count = np.bincount(tokens.ids, minlength=len(tokens.words))
    return Counted(tokens.words, count, capitals, len(tokens.ids), len(tokens.offsets) - 1)


def find_sequences(shard: TextShard, k: int, wanted: str) -> tuple[np.ndarray, np.ndarray]:
    """Return which texts of a shard have the sequences of k tokens whose hashes are in a file.

    They are the pairs (p,) of `Holders`, and the numbers (f,) of frequent sequences.
    """
    number, ids, offsets = (array_files.load(f"{shard.path}.{name}.npy") for name in ("number", "ids", "offsets"))
    found = holders(number.take(ids), offsets, k, array_files.load(wanted))
    return found.pairs(), found.frequent()


def count_pairs(shard: TextShard, levels: Sequence[str], m: int, parts: int) -> None:
    """Count the n-grams of a shard, of one word more than those in `levels`. Write them into files, sorted by parts."""
    ids, offsets = array_files.load(f"{shard.path}.ids.npy"), array_files.load(f"{shard.path}.offsets.npy")
    word = array_files.load(f"{shard.path}.rank.npy").take(ids)
    level, start = word, m  # `start` is the number of the first n-gram of a level
    for path in levels:
        known = array_files.load(path)
        keys = pair_keys(level, word, offsets, m)
        place = np.minimum(np.searchsorted(known, keys), max(len(known) - 1, 0))
        found = known[place] == keys if len(known) else np.zeros(len(keys), bool)
        level = np.where(found, place + start, NONE)
        start += len(known)
    keys = pair_keys(level, word, offsets, m)
    key, count = np.unique(keys[keys != NONE], return_counts=True)
    part = ((key.view(np.uint64) * _MIX) >> np.uint64(32)).astype(np.int64) % parts
    order = np.argsort(part, kind="stable")
    path = f"{shard.path}.pairs-{len(levels)}"
    array_files.save(f"{path}.ends.npy", np.cumsum(np.bincount(part, minlength=parts)))
    array_files.save(f"{path}.keys.npy", key[order])
    array_files.save(f"{path}.counts.npy", count[order])


def merge_counts(paths: Sequence[str], part: int, min_count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the n-grams of a part that occur often enough in all shards together, and how often."""
    keys, counts = [], []
    for path in paths:
        ends = array_files.load(f"{path}.ends.npy")
        rows = slice(int(ends[part - 1]) if part else 0, int(ends[part]))
        keys.append(array_files.load(f"{path}.keys.npy")[rows])
        counts.append(array_files.load(f"{path}.counts.npy")[rows])
    key, index = np.unique(np.concatenate(keys), return_inverse=True)
    count = np.zeros(len(key), np.int64)
    np.add.at(count, index, np.concatenate(counts))
    return key[count >= min_count], count[count >= min_count]


def encode_shard(shard: TextShard, path: str, presence: bool, occurrences: bool) -> None:
    """Write the features of a shard into files."""
    words, features = (array_files.load(f"{path}.{name}.npy") for name in ("words", "features"))
    vocabulary = Vocabulary.from_tensors(words, features, presence)
    ids, offsets = array_files.load(f"{shard.path}.ids.npy"), array_files.load(f"{shard.path}.offsets.npy")
    tokens = Tokens(ids, offsets, array_files.load_texts(f"{shard.path}.words.arrow").combine_chunks())
    features = vocabulary.occurrences(tokens) if occurrences else vocabulary.encode(tokens)[0]
    array_files.save(f"{shard.path}.features.ids.npy", features.ids)
    array_files.save(f"{shard.path}.features.lengths.npy", features.lengths)
