"""A text classifier in one file, for the standard library of Python 3.9 or later, exported by sentibp.

    import model                                  # the name of this file
    model.predict("I love this movie")            # the label, its probability, and more
    model.tokens("I love this movie")             # each token with its place in the text
    model.features("I love this movie")           # the numbers of the features that the model knows

    python model.py "I love this movie" ...       # a line of JSON for each text
    python model.py < reviews.txt                 # or for each line

At its first use, the file computes the probabilities of the test texts that it holds. It refuses to answer if one of
them differs from what sentibp computed by more than 0.000001.
"""

from __future__ import annotations

import array
import base64
import functools
import html
import html.entities
import json
import math
import os
import re
import sys
import zlib
from collections.abc import Iterator

_TOLERANCE = 1e-6
_NONE = -1


def predict(text: str) -> dict:
    """Return the label of a text, its probability `score`, and what `sentibp predict` writes beside it.

    TypeError if it is no string; RuntimeError if this file does not repeat its test texts.
    """
    return _checked_model().predict(text)


def tokens(text: str) -> list[tuple[str, int, int]]:
    """Return the tokens of a text, each with its place: text[start:end]."""
    return _checked_model().locate(text)


def features(text: str) -> list[int]:
    """Return the numbers of the features of a text, which are the input of an ONNX export of the same model."""
    return _checked_model().features(text)[0]


@functools.lru_cache(maxsize=1)
def _checked_model() -> _Model:
    model = _Model(_DATA)
    checks = model.settings["checks"]
    for text, expected in zip(checks["texts"], checks["probabilities"]):
        found = model.probabilities(model.features(text)[0])
        if not all(abs(a - b) <= _TOLERANCE for a, b in zip(found, expected)):  # NaN is not close
            raise RuntimeError(
                f"this model is damaged: the test text {text!r} has {found}, not {expected}; export again"
            )
    return model


class _Model:
    """The model: settings, vocabulary and weights."""

    def __init__(self, data: str):
        try:
            content = zlib.decompress(base64.b64decode(data))
        except (ValueError, zlib.error) as error:
            raise RuntimeError(f"this model is damaged ({error}); export again") from None
        size = int.from_bytes(content[:4], "little")
        self.settings = json.loads(content[4 : 4 + size])
        self._arrays = _arrays(self.settings["arrays"], content[4 + size :])
        self._text = _Text(self.settings["text"], self.settings["characters"])
        self._vocabulary = _Vocabulary(self.settings, self._arrays)

    def predict(self, text: str) -> dict:
        labels, shape = self.settings["labels"], self.settings["answer"]
        ids, count, unknown = self.features(text)
        each = self.probabilities(ids)
        binary = self.settings["network"]["head"]["kind"] == "sigmoid"
        number = _decide(each, shape, binary)
        result: dict = {"label": labels[number], "score": each[number]}
        if binary:
            result["positive"] = each[1]
        else:
            result["probabilities"] = dict(zip(labels, each))
            if shape["ordered"]:
                result["place"] = sum(p * (k / (len(each) - 1)) for k, p in enumerate(each))
            if shape["numbers"]:
                result["expected"] = sum(p * value for p, value in zip(each, shape["numbers"]))
        result.update(tokens=count, unknown=unknown)
        if count == unknown:
            result["note"] = "no known word"
        return result

    def features(self, text: str) -> tuple[list[int], int, int]:
        """Return the features of a text, the number of its tokens, and of unknown tokens."""
        words = self._text.split(self._text.normalize(_valid(text)))
        ids, unknown = self._vocabulary.encode(words)
        return ids, len(words), unknown

    def locate(self, text: str) -> list[tuple[str, int, int]]:
        return _Places(self._text, _valid(text)).tokens()

    def probabilities(self, ids: list[int]) -> list[float]:
        """Return the probability of each label for the features of a text."""
        if not ids:
            return list(self.settings["empty"])
        network = self.settings["network"]
        x = self._pooled(ids)
        for layer in network["layers"]:
            y = self._linear(layer, x)
            if layer["activation"]:
                y = [_ACTIVATIONS[layer["activation"]](value) for value in y]
            x = [a + b for a, b in zip(x, y)] if layer["residual"] else y
        return _HEADS[network["head"]["kind"]](x, network["head"])

    def _pooled(self, ids: list[int]) -> list[float]:
        network, rows, palette = self.settings["network"], self._arrays["rows"], self._arrays.get("palette")
        d, total, high = network["dim"], self.settings["features"], self._arrays.get("high")
        sums = [0.0] * d
        for i in ids:
            for j in range(d):
                if palette is None:
                    sums[j] += rows[i * d + j]
                else:
                    at = j * total + i
                    sums[j] += palette[rows[at] if high is None else rows[at] + 256 * high[at]]
        length = max(len(ids) + network["padding"], 1)
        divisor = {"mean": length, "sqrt": math.sqrt(length), "sum": 1}[network["pooling"]]
        return [value / divisor for value in sums]

    def _linear(self, layer: dict, x: list[float]) -> list[float]:
        weight, y = self._arrays[layer["weight"]], list(self._arrays[layer["bias"]])
        m = len(y)
        for i, value in enumerate(x):
            for j in range(m):
                y[j] += value * weight[i * m + j]
        return y


def _valid(text: str) -> str:
    """Return the text; lone surrogates, which UTF-8 cannot encode, become `?`."""
    if not isinstance(text, str):
        raise TypeError(f"a text is a string, not {type(text).__name__}")
    return text.encode("utf-8", "replace").decode("utf-8")


def _arrays(shapes: list, content: bytes) -> dict:
    """Return the arrays that follow one another: bytes, or numbers of 4 or 8 bytes, low bytes first."""
    found, start = {}, 0
    for name, kind, count in shapes:
        size = count * {"u1": 1, "f4": 4, "f8": 8}[kind]
        piece, start = content[start : start + size], start + size
        if kind != "u1":
            piece = array.array({"f4": "f", "f8": "d"}[kind], piece)
            if sys.byteorder == "big":
                piece.byteswap()
        found[name] = piece
    return found


# --- from numbers to probabilities


def _sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z > -700 else math.exp(max(z, -745.0))


_ACTIVATIONS = {"relu": lambda x: max(x, 0.0), "tanh": math.tanh, "sigmoid": _sigmoid}


def _softmax(logits: list[float]) -> list[float]:
    most = max(logits)
    e = [math.exp(z - most) for z in logits]
    total = sum(e)
    return [value / total for value in e]


def _scale(x: list[float], head: dict) -> list[float]:
    polarity, neutrality = head["shares"]
    return _softmax([s * x[0] + q * x[1] + b for s, q, b in zip(polarity, neutrality, head["bias"])])


def _cumulative(x: list[float], head: dict) -> list[float]:
    """Return the probabilities of the classes between the thresholds, through their logarithms."""
    above = [x[0] - threshold for threshold in head["thresholds"]]
    lower = [0.0, *(-_softplus(-a) for a in above)]  # log P(above the lower threshold)
    upper = [*(-_softplus(a) for a in above), 0.0]
    return _softmax([a + b + c for a, b, c in zip(lower, upper, head["widths"])])


def _softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def _tempered(x: list[float], head: dict) -> list[float]:
    """Return the outputs divided by the adaptive temperature (s / r)^a, s being their standard deviation, if any."""
    if "temperature" not in head:
        return x
    power, spread, epsilon = (head["temperature"][name] for name in ("power", "spread", "epsilon"))
    mean = sum(x) / len(x)
    s = math.sqrt(sum((z - mean) ** 2 for z in x) / len(x) + epsilon)
    return [z * (s / spread) ** -power for z in x]


_HEADS = {
    "sigmoid": lambda x, head: [1 - _sigmoid(x[0]), _sigmoid(x[0])],
    "softmax": lambda x, head: _softmax(_tempered(x, head)),
    "scale": _scale,
    "cumulative": _cumulative,
}


def _decide(each: list[float], shape: dict, binary: bool) -> int:
    """Return the number of the label: the most probable one, or the one that a threshold or costs choose.

    Of equal ones it is the first; with negative and positive, the second.
    """
    k, threshold = len(each), shape["threshold"]
    if shape["cost"]:
        each = [-sum(p * row[j] for p, row in zip(each, shape["cost"])) for j in range(k)]
    elif threshold:
        if each[threshold[0]] >= threshold[1]:
            return threshold[0]
        each = [-1.0 if j == threshold[0] else p for j, p in enumerate(each)]
    return int(each[1] >= each[0]) if binary else each.index(max(each))


# --- from a text to tokens

_ENTITY = re.compile("&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_LINE_BREAK = re.compile("(?i)<br[\t\n\f\r ]*/?>", re.ASCII)
_TOKEN = re.compile("[0-9A-Za-z\x80-\U0010ffff]+(?:['`][0-9A-Za-z\x80-\U0010ffff]+)*|([\x21-\x7e])\\1*")
_OLD_TOKEN = re.compile("[0-9A-Za-z\x80-\U0010ffff]+(?:'[0-9A-Za-z\x80-\U0010ffff]+)*|([\x21-\x7e])\\1*")


def _entity(match: re.Match) -> str:
    known = match[0][1] == "#" or match[0][1:] in html.entities.html5
    return html.unescape(match[0]) if known else match[0]


class _Text:
    """Splits texts into tokens. The tables of characters are those that the model was trained with."""

    def __init__(self, settings: dict, tables: dict):
        self.settings = settings
        self.lower, self.fold = _lower(tables) if settings["lowercase"] else {}, _table(tables["fold"])
        self._late = {ord(c): plain for plain, ranges in tables["late"].items() for c in _expand(ranges)}
        self._compose = _Composer(tables)
        self.invisible = re.compile(settings["invisible"])
        self.context = [re.compile(pattern) for pattern in settings["context"]]
        single = f"(?:[\U0001f1e6-\U0001f1ff]{{2}}|[{_set(tables['single'])}])[{_set(tables['marks'])}]*"
        self._alone = re.compile(f"{single}(?:\u200d{single})*")
        self.classes = [(re.compile(pattern, re.ASCII), mark) for pattern, mark in settings["patterns"]]
        self.names = {mark: f"<{name}>" for name, mark in settings["classes"]}
        self.combining = re.compile(f"[{_set(tables['combining'])}]")
        self.spaces = set(_expand(tables["spaces"]))
        self._token = _TOKEN if settings["folding"] > 1 else _OLD_TOKEN

    def normalize(self, text: str) -> str:
        return self.normalize_characters(_LINE_BREAK.sub("\n", _ENTITY.sub(_entity, text)), self.classes)

    def normalize_characters(self, text: str, classes: list) -> str:
        if not text.isascii():
            text = self._unify(text)
        text = text.translate(self.lower)
        for pattern, mark in classes:
            text = pattern.sub(rf"\1 {mark} \2", text)
        return text

    def _unify(self, text: str) -> str:
        text = text.translate(self.fold)
        if self.settings["folding"] > 1 and self.invisible.search(text):
            for pattern in self.context:
                text = pattern.sub(lambda match: match[1] or "", text)
        text = self._compose(text)
        if self.settings["lowercase"]:
            text = self._compose(text.translate(self.lower))
        if self.settings["folding"] > 1 and "i\u0307" in text:
            text = self._compose(text.replace("i\u0307", "i"))
        return self._alone.sub(r" \g<0> ", text.translate(self._late))

    def split(self, text: str) -> list[str]:
        """Return the tokens of a normalized text."""
        found = [match[0] if match[1] else match[0].replace("`", "'") for match in self._token.finditer(text)]
        return [self.names.get(word, word) for word in found]


def _table(runs: list) -> dict[int, str]:
    """Return a table of characters from its runs (first code, step, how many, replacement of the first, its growth)."""
    table = {}
    for first, step, count, plain, growth in runs:
        for i in range(count):
            table[first + i * step] = chr(ord(plain) + i * growth) if growth else plain
    return table


def _lower(tables: dict) -> dict[int, str]:
    """Return the lower case of each capital."""
    return {**{code: chr(code + 32) for code in range(ord("A"), ord("Z") + 1)}, **_table(tables["lower"])}


def _spans(ranges: list[int]) -> list[tuple[int, int]]:
    """Return the first and the last code of each range; given are gaps and lengths."""
    found, code = [], 0
    for gap, length in zip(ranges[::2], ranges[1::2]):
        code += gap + length
        found.append((code - length, code - 1))
    return found


def _set(ranges: list[int]) -> str:
    """Return the inside of a character class of a regular expression."""
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in _spans(ranges))


def _expand(ranges: list[int]) -> list[str]:
    return [chr(code) for first, last in _spans(ranges) for code in range(first, last + 1)]


class _Composer:
    """Converts texts to NFC, in which a letter with an accent is one character."""

    def __init__(self, tables: dict):
        triples = tables["composed"]
        self._pairs = {triples[i : i + 2]: triples[i + 2] for i in range(0, len(triples), 3)}
        self._parts = {result: pair for pair, result in self._pairs.items()}
        self._parts.update({line[0]: line[1:] for line in tables["decomposed"].split("\n")[:-1]})
        self._class = {c: int(number) for number, ranges in tables["classes"].items() for c in _expand(ranges)}
        seconds = {pair[1] for pair in self._pairs}
        lines = {line[0] for line in tables["decomposed"].split("\n")[:-1]}
        active = "".join(re.escape(c) for c in sorted(seconds | lines | {*self._class}))
        active += "\u1161-\u1175\u11a8-\u11c2"  # vowels and final consonants of Hangul
        self._active = re.compile(f"[^{active}]?[{active}]+", re.DOTALL)

    def __call__(self, text: str) -> str:
        return self._active.sub(lambda match: self._normal(match[0]), text)

    def _normal(self, text: str) -> str:
        parts = [part for c in text for part in self._decomposed(c)]
        order = self._class
        start = 0
        for i in range(len(parts) + 1):  # sort the marks between letters by their class
            if i == len(parts) or parts[i] not in order:
                parts[start:i] = sorted(parts[start:i], key=lambda c: order.get(c, 0))
                start = i
        return "".join(self._composed(parts))

    def _decomposed(self, c: str) -> str:
        code = ord(c) - 0xAC00
        if 0 <= code < 11172:
            final = chr(0x11A7 + code % 28) if code % 28 else ""
            return chr(0x1100 + code // 588) + chr(0x1161 + code % 588 // 28) + final
        parts = self._parts.get(c)
        return c if parts is None else "".join(map(self._decomposed, parts))

    def _composed(self, parts: list[str]) -> list[str]:
        result: list[str] = []
        starter, before = -1, 0  # the place of the last letter; the class of the last character after it
        for c in parts:
            number = self._class.get(c, 0)
            joined = None
            if starter >= 0 and (len(result) - 1 == starter or before < number):
                joined = self._pairs.get(result[starter] + c) or _hangul(result[starter], c)
            if joined:
                result[starter] = joined
                continue
            result.append(c)
            before = number
            if number == 0:
                starter = len(result) - 1
        return result


def _hangul(first: str, second: str) -> str | None:
    """Return the syllable of a consonant and a vowel, or of an open syllable and a consonant."""
    a, b = ord(first), ord(second)
    if 0x1100 <= a <= 0x1112 and 0x1161 <= b <= 0x1175:
        return chr(0xAC00 + (a - 0x1100) * 588 + (b - 0x1161) * 28)
    if 0xAC00 <= a < 0xAC00 + 11172 and (a - 0xAC00) % 28 == 0 and 0x11A8 <= b <= 0x11C2:
        return chr(a + b - 0x11A7)
    return None


# --- where the tokens are


class _Places:
    """Finds where each token of a text comes from: each step is applied to characters (content, start, end)."""

    def __init__(self, text: _Text, content: str):
        self._text, self._content = text, content

    def tokens(self) -> list[tuple[str, int, int]]:
        words = self._text.split(self._text.normalize(self._content))
        marks = {name: mark for mark, name in self._text.names.items()}
        contents = [marks.get(word, word) for word in words]
        pieces = [(c, i, i + 1) for i, c in enumerate(self._content)]
        pieces = _replaced(pieces, _ENTITY, _entity)
        pieces = self._folded(_replaced(pieces, _LINE_BREAK, lambda match: "\n"))
        characters = self._characters(pieces)
        if "".join(c for c, _, _ in characters).replace("`", "'") != "".join(contents).replace("`", "'"):
            characters = self._characters(pieces, coarse=True)
        spans, end = [], 0
        for word, content in zip(words, contents):
            start, end = end, end + len(content)
            spans.append((word, characters[start][1], characters[end - 1][2]))
        return spans

    def _folded(self, pieces: list) -> list:
        if self._text.settings["folding"] == 1:
            return pieces
        fold = self._text.fold
        pieces = self._joined([(c, a, b) for content, a, b in pieces for c in fold.get(ord(content), content) or [""]])
        for pattern in self._text.context:
            kept = [True] * len(pieces)
            for match in pattern.finditer("".join(piece[0] for piece in pieces)):
                start, stop = match.span(1) if match[1] is not None else (match.start(), match.start())
                for i in (*range(match.start(), start), *range(stop, match.end())):
                    kept[i] = False
            pieces = self._joined([(c if keep else "", a, b) for (c, a, b), keep in zip(pieces, kept)])
        return pieces

    def _joined(self, pieces: list) -> list:
        """Remove empty pieces. What they come from belongs to the character that it follows, as a skin tone does."""
        result: list = []
        for content, start, end in pieces:
            if content:
                result.append((content, start, end))
            elif result and result[-1][2] == start and result[-1][0] not in self._text.spaces:
                result[-1] = (*result[-1][:2], end)
        return result

    def _characters(self, pieces: list, coarse: bool = False) -> list:
        """Return the characters of the normalized text, without spaces. Letters are normalized with their accents."""
        groups: list = []
        for piece in pieces:
            if groups and self._combines(groups[-1][-1][0], piece[0], coarse):
                groups[-1].append(piece)
            else:
                groups.append([piece])
        characters = []
        for group in groups:
            content = self._text.normalize_characters("".join(piece[0] for piece in group), [])
            whole = group[0][1], group[-1][2]
            places = iter([piece[1:] for piece in group] if len(content.replace(" ", "")) == len(group) else ())
            characters += [(c, *(whole if c == " " else next(places, whole))) for c in content]
        for pattern, mark in self._text.classes:
            characters = _replaced(characters, pattern, lambda match, mark=mark: f" {mark} ", whole=False)
        return [each for each in characters if each[0] > " " and each[0] != "\x7f"]

    def _combines(self, before: str, character: str, coarse: bool) -> bool:
        if coarse:
            return before not in self._text.spaces and character not in self._text.spaces
        return self._text.combining.match(character) is not None


def _replaced(pieces: list, pattern: re.Pattern, function, whole: bool = True) -> list:
    """Substitute like re.sub(), but on characters with places. Else what is between the two groups is replaced."""
    result, done = [], 0
    for match in pattern.finditer("".join(piece[0] for piece in pieces)):
        start, stop = match.span() if whole else (match.end(1), match.start(2))
        result += pieces[done:start]
        result += [(c, pieces[start][1], pieces[stop - 1][2]) for c in function(match)]
        done = stop
    return result + pieces[done:]


# --- from tokens to features


class _Vocabulary:
    """The features: words, and n-grams as pairs of a feature and the word that it is extended by."""

    def __init__(self, settings: dict, arrays: dict):
        self._depth, self._presence = settings["depth"], settings["presence"]
        self._words, self._feature = _read_words(arrays["shared"], arrays["endings"]), []
        self._number = {word: i for i, word in enumerate(self._words)}
        self._read_features(settings["levels"], _varints(arrays["prefixes"]), _varints(arrays["ngrams"]))
        self._respelled = {}
        if settings["respells"]:
            for i in range(len(self._words) - 1, -1, -1):
                self._respelled[_without_doubled(self._words[i])] = i
        self._affixes = {w: self._feature[i] for i, w in enumerate(self._words) if w.startswith("~") != w.endswith("~")}
        self._shifters = _Shifters(settings) if settings["shifters"] else None

    def _read_features(self, levels: list, prefixes: list[int], ngrams: list[int]) -> None:
        self._pairs, m, feature, at = {}, len(self._words), 0, 0
        for words, count in levels:
            self._feature += range(feature, feature + words)
            feature += words
            prefix = word = 0
            for i in range(at, at + count):
                word = word + ngrams[i] if prefixes[i] == 0 and i > at else ngrams[i]
                prefix += prefixes[i]
                self._pairs[prefix * m + word] = feature
                feature += 1
            at += count

    def encode(self, words: list[str]) -> tuple[list[int], int]:
        """Return the features in the order in which they end, and the number of unknown words."""
        ids, unknown, m = [], 0, len(self._words)
        shifted, lower = (self._shifters.find(words), self._shifters.words) if self._shifters else (None, [])
        last = [_NONE] * self._depth
        known: dict = {}
        for i, word in enumerate(words):
            if word not in known:
                known[word] = self._of_word(word)
            number, affixes = known[word]
            level = [_NONE if number == _NONE else self._feature[number]]
            for before in last[:-1]:
                is_known = _NONE not in (before, number)
                level.append(self._pairs.get(before * m + number, _NONE) if is_known else _NONE)
            ids += [feature for feature in level if feature != _NONE]
            ids += affixes
            unknown += number == _NONE and not affixes
            last = level
            for mark in shifted[i] if shifted else ():
                found = self._number.get(mark + lower[i])
                ids += [] if found is None else [self._feature[found]]
        return list(dict.fromkeys(ids)) if self._presence else ids, unknown

    def _of_word(self, word: str) -> tuple[int, list[int]]:
        """Return the number of a word, or _NONE and its longest known beginning and ending."""
        number = self._number.get(word, _NONE)
        if number == _NONE and self._respelled and len(word) >= 4:
            number = self._respelled.get(_without_doubled(word), _NONE)
        if number != _NONE or not self._affixes or re.fullmatch("[!-/:-@[-`{-~]+|<[a-z]+>", word):
            return number, []
        beginnings = (f"{word[:size]}~" for size in range(min(6, len(word)), 1, -1))
        endings = (f"~{word[-size:]}" for size in range(min(5, len(word)), 1, -1))
        found = (next((self._affixes[x] for x in each if x in self._affixes), _NONE) for each in (beginnings, endings))
        return number, [feature for feature in found if feature != _NONE]


def _without_doubled(word: str) -> str:
    return re.sub(r"([A-Za-z])\1+", r"\1", word)


def _read_words(shared: bytes, endings: bytes) -> list[str]:
    """Return the words. Of each are given the number of bytes that it shares with the word before, and the others."""
    words, word = [], b""
    for count, ending in zip(shared, endings.split(b"\n")):
        word = word[:count] + ending
        words.append(word.decode("utf-8"))
    return words


def _varints(content: bytes) -> list[int]:
    """Return the numbers in bytes of 7 bits, low bits first; the last byte of each is below 128."""
    values, value, shift = [], 0, 0
    for byte in content:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            values.append(value)
            value = shift = 0
    return values


class _Shifters:
    """Finds the words that are negated, conceded or boosted: Polanyi & Zaenen 2006, "Contextual valence shifters"."""

    def __init__(self, settings: dict):
        self._rules, tables = settings["shifters"], settings["characters"]
        self._punctuation = re.compile(f"[{_set(tables['punctuation'])}]+")
        self._lower = _lower(tables)
        self._sets = {
            key: set(value) for key, value in self._rules.items() if isinstance(value, list) and key != "pairs"
        }
        self._pairs = [{tuple(pair) for pair in pairs} for pairs in self._rules["pairs"]]
        self._booster = re.compile(self._rules["booster"])
        self.words: list[str] = []

    def find(self, words: list[str]) -> list[list[str]]:
        """Return the marks of each word."""
        self.words = words = [word.translate(self._lower) for word in words]
        marks, second = self._rules["marks"], [[False] * (len(words) + 1) for _ in self._pairs]
        for i in range(1, len(words)):
            for flags, pairs in zip(second, self._pairs):
                flags[i] = (words[i - 1], words[i]) in pairs
        is_mark = [self._punctuation.fullmatch(word) is not None for word in words]
        ends = [mark and word not in self._sets["inside"] for mark, word in zip(is_mark, words)]
        negated, conceded = self._negated(words, second, ends), self._conceded(words, second, ends, is_mark)
        found = []
        for i in range(len(words)):
            boosted = i > 0 and self._boosts(words[i - 1])
            others = [mark for mark, has in zip(marks[1:], (conceded[i], boosted)) if has]
            found.append([marks[0]] if negated[i] else others)
        return found

    def _boosts(self, word: str) -> bool:
        is_adverb = self._booster.fullmatch(word) is not None and word not in self._sets["noBoosters"]
        return word in self._sets["boosters"] or is_adverb

    def _negated(self, words: list[str], second: list, ends: list[bool]) -> list[bool]:
        start, last, number, opening, result = 0, _NONE, 0, 0, []
        for i, word in enumerate(words):
            border = (ends[i] or word in self._sets["conjunctions"]) and not second[0][i]
            negator = second[0][i] or (word in self._sets["negators"] and not second[1][i + 1])
            if border:
                start = i
            in_scope = last >= start and i - last <= self._rules["reach"] and not border
            number += negator
            if negator and not in_scope:
                opening = number
            result.append(in_scope and not negator and (number - opening) % 2 == 0)
            if negator:
                last = i
        return result

    def _conceded(self, words: list[str], second: list, ends: list[bool], is_mark: list[bool]) -> list[bool]:
        """What comes before `but` in its sentence, or after `although` in its clause."""
        stops = [mark and word not in self._sets["insideSentence"] for mark, word in zip(is_mark, words)]
        sentence, last_but, adding = [], [_NONE], set()
        for i, word in enumerate(words):
            if stops[i] and i:
                last_but.append(_NONE)
            sentence.append(len(last_but) - 1)
            if word == "but" and not second[3][i] and not second[3][i + 1]:
                last_but[-1] = i
            if second[2][i]:
                adding.add(len(last_but) - 1)
        result, start, opening = [], 0, _NONE
        for i, word in enumerate(words):
            border = i == 0 or ends[i]
            start = i if border else start
            opening = i if word in self._sets["conceding"] else opening
            before_but = sentence[i] not in adding and i < last_but[sentence[i]] and not stops[i]
            result.append(before_but or (start <= opening < i and not border))
        return result


# --- the command line


def _main() -> None:
    arguments = sys.argv[1:]
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    try:
        if arguments[:1] in (["-h"], ["--help"]):
            print(__doc__, flush=True)
            return
        for text in _texts(arguments) if arguments else _lines():
            print(json.dumps(predict(text), ensure_ascii=False), flush=True)
    except RuntimeError as error:
        sys.exit(str(error))
    except (BrokenPipeError, KeyboardInterrupt):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python fails at its end, where it flushes
        sys.exit(1)


def _texts(arguments: list[str]) -> list[str]:
    """Return the texts of the command line. RuntimeError if one is not UTF-8; or a file or an option, without `--`."""
    are_meant = arguments[0] == "--"  # as texts, whatever they look like
    texts = arguments[1:] if are_meant else arguments
    for each in texts:
        _require_utf8(each, ascii(each))
        if not are_meant and os.path.isfile(each):
            raise RuntimeError(f"{each}: a file, not a text; for its lines: python {sys.argv[0]} < {each}")
        if not are_meant and re.fullmatch("--?[a-zA-Z][a-zA-Z-]*(=.*)?", each):
            raise RuntimeError(f"{each}: no such option; if it is a text: python {sys.argv[0]} -- {each}")
    return texts


def _lines() -> Iterator[str]:
    """Yield the lines of stdin. RuntimeError if one is not UTF-8."""
    for number, line in enumerate(sys.stdin, 1):
        _require_utf8(line, f"line {number}")
        yield line.rstrip("\r\n")


def _require_utf8(text: str, name: str) -> None:
    wrong = re.search("[\udc80-\udcff]", text)  # Python reads other bytes as these
    if wrong:
        byte = ord(wrong[0]) - 0xDC00
        raise RuntimeError(f"{name} is not UTF-8 (byte 0x{byte:02X}); convert it first, such as by iconv")


_DATA = ""

if __name__ == "__main__":
    _main()
