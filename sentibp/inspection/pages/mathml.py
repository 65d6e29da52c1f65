"""Formulas of a worksheet as MathML, which browsers draw without a script or a font. The plain text is its label.

The formulas are the plain text of `layer_formulas`, `head_formulas` and `optimizer_formulas`: products with or without
*, quotients, powers, indices in brackets or after _, functions, and words in between. What is no formula becomes text.

MathML is long, and most formulas differ in their numbers only. So a formula is typeset in pieces (`typeset`), with a
slot for each number: a page with many formulas has each piece once, and templates/stepper.js fills in the numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from sentibp.inspection.pages.render import printable, trusted

if TYPE_CHECKING:
    from markupsafe import Markup

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)
      | (?P<dots>\.\.\.)
      | (?P<arrow><-|>=|<=)
      | (?P<name>[A-Za-z][A-Za-z0-9]*'?)
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_GREEK = {"theta": "θ", "sigma": "σ", "eta": "η", "rho": "ρ", "epsilon": "ε", "beta": "β", "infinity": "∞"}
_FUNCTIONS = {"sqrt", "log", "tanh", "max", "f", "f'", "median", "sigma"}
_LONG = ("momentum", "scale", "shift", "mean", "variance", "times", "n", "padding")  # names that are words
_SIGNS = {"*": "·", "-": "−", "<-": "←", "...": "…", ">=": "≥", "<=": "≤"}
_LONGEST = 20_000  # characters of a formula
_DEPTH = 40  # of parentheses
SLOT = "\ue000"  # stands for a number: a private character, which formulas do not have


class _NoFormula(Exception):
    """The text is not one of the formulas that are written here."""


class Piece(NamedTuple):
    """What stands between two places where a formula may be broken over lines."""

    plain: str
    mathml: str  # with a SLOT for each number of the plain text, in its order


def math(formula: str) -> Markup:
    """Return a formula as HTML: MathML for the eye, and the plain text for a screen reader.

    It may be broken over lines at its signs of relation and its sums.
    """
    pieces = typeset(formula)
    if not pieces:
        return trusted(_escape(formula))
    shown = "\u200b".join(f'<math displaystyle="true">{_filled(piece)}</math>' for piece in pieces)
    return trusted(f'<span class="math" role="math" aria-label="{_escape(formula)}">{shown}</span>')


def typeset(formula: str) -> list[Piece]:
    """Return a formula in pieces, or [] if it is none."""
    if len(formula) > _LONGEST or SLOT in formula:
        return []
    try:
        return list(_Parser(formula).pieces())
    except (_NoFormula, RecursionError):
        return []


def without_numbers(plain: str) -> str:
    """Return a text with a SLOT in the place of each number."""
    return _TOKEN.sub(lambda match: SLOT if match.lastgroup == "number" else match[0], plain)


def _filled(piece: Piece) -> str:
    numbers = (match[0] for match in _TOKEN.finditer(piece.plain) if match.lastgroup == "number")
    return re.sub(SLOT, lambda _: next(numbers), piece.mathml)


class _Parser:
    """A recursive descent over the tokens of a formula."""

    def __init__(self, formula: str):
        self.plain = [match[0] for match in _TOKEN.finditer(formula)]
        kinds = [str(match.lastgroup) for match in _TOKEN.finditer(formula)]
        self.tokens = [(kind, SLOT if kind == "number" else text) for kind, text in zip(kinds, self.plain, strict=True)]
        self.at, self.depth = 0, 0

    # --- tokens

    def _peek(self, ahead: int = 0) -> tuple[str, str]:
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else ("end", "")

    def _skip_space(self) -> bool:
        if self._peek()[0] == "space":
            self.at += 1
            return True
        return False

    def _take(self, sign: str) -> bool:
        if self._peek()[1] == sign:
            self.at += 1
            return True
        return False

    # --- the grammar

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces between which a line may be broken."""
        while self._peek()[0] != "end":
            start = self.at
            mathml = self._piece()
            yield Piece("".join(self.plain[start : self.at]).strip(), mathml)
            self._skip_space()

    def _piece(self) -> str:
        sign = self._peek()[1]
        if sign not in ("=", "<-", "+", "-", ",", ";", ">"):
            return self._product()
        self.at += 1
        self._skip_space()
        if self._peek()[0] == "end":
            raise _NoFormula
        first = _operator(sign, "infix")  # without its form, what begins a piece would be read as a prefix
        return first if sign in ",;" else first + self._product()

    def _sum(self) -> str:
        """A sum, up to a closing parenthesis or a comma."""
        self.depth += 1
        if self.depth > _DEPTH:
            raise _NoFormula
        found = ""
        while self._peek()[1] not in (")", "]", "", ",", ";"):
            if not found and self._peek()[1] == "-":
                found = self._product()  # a minus of its own, not one between two terms
            elif self._peek()[1] in ("+", "-", ">", "=", "<-"):
                found += _operator(self._peek()[1])
                self.at += 1
            else:
                found += self._product()
            self._skip_space()
        self.depth -= 1
        return found

    def _product(self) -> str:
        """Factors next to each other, or with * or / between them. / divides by the next factor only."""
        left = self._factor()
        done = ""
        while True:
            space = self._skip_space()
            sign = self._peek()[1]
            if sign == "*":
                self.at += 1
                self._skip_space()
                done += left + _operator("*")
                is_negative = self._peek()[1] == "-"
                left = self._factor()
                if is_negative:
                    left = f"<mrow><mo>(</mo>{left}<mo>)</mo></mrow>"
            elif sign == "/":
                self.at += 1
                self._skip_space()
                left = f"<mfrac>{_one(_bare(left))}{_one(_bare(self._factor()))}</mfrac>"
            elif self._begins_factor():
                done += left + ('<mspace width="0.3em"/>' if space else "")
                left = self._factor()
            else:
                return done + left

    def _begins_factor(self) -> bool:
        kind, text = self._peek()
        return kind in ("number", "name", "dots") or text == "("

    def _factor(self) -> str:
        """A number, a name with its indices, or something in parentheses; perhaps with a power."""
        kind, text = self._peek()
        self.at += 1
        if kind == "number":
            found = _number(text)
        elif kind == "dots":
            return _operator("...")
        elif text == "-":
            return _operator("-", "prefix") + self._factor()
        elif text == "(":
            found = self._parenthesis()
        elif kind == "name":
            found = self._named(text)
        else:
            raise _NoFormula
        while self._take("^"):
            found = f"<msup>{_one(found)}{_one(self._power())}</msup>"
        return found

    def _power(self, after_sign: bool = False) -> str:
        if self._take("-"):
            return _operator("-", "prefix") + self._power(after_sign=True)
        kind, text = self._peek()
        self.at += 1
        if text == "T":
            return "<mi>T</mi>"
        if kind == "number":
            return _number(text)
        if kind == "name":
            return self._indexed(_name(text))
        if text == "(":
            inside = self._parenthesis()
            return inside if after_sign else _bare(inside)
        raise _NoFormula

    def _parenthesis(self) -> str:
        inside = self._sum()
        while self._take(","):
            self._skip_space()
            inside += _operator(",") + self._sum()
        if not self._take(")"):
            raise _NoFormula
        return f"<mrow><mo>(</mo>{inside}<mo>)</mo></mrow>"

    def _named(self, text: str) -> str:
        if text in ("dw", "w") and self._peek()[1] == "(":  # of a word, which may be anything: dw(good)[1]
            return self._of_word(text)
        if text in _FUNCTIONS and self._peek()[1] == "(":
            self.at += 1
            inside = self._parenthesis()
            if text == "sqrt":
                return f"<msqrt>{_bare(inside)}</msqrt>"
            return f"<mi>{_GREEK.get(text, text)}</mi>{inside}"
        if text in ("E",) and self._peek()[1] == "[":
            return self._expectation()
        if not _is_symbol(text):
            return self._words(text)
        return self._indexed(_name(text))

    def _of_word(self, text: str) -> str:
        ends = [i for i, (_, sign) in enumerate(self.tokens) if sign == ")" and self._closes_word(i)]
        if not ends:
            raise _NoFormula
        last = ends[-1]
        word = "".join(sign for _, sign in self.tokens[self.at + 1 : last])
        self.at = last + 1
        return self._indexed(f"{_name(text)}<mo>(</mo><mtext>{_escape(word)}</mtext><mo>)</mo>")

    def _closes_word(self, at: int) -> bool:
        """Whether an index such as [1] and the sign = follow this parenthesis. A word may have its own parentheses."""
        following = "".join(self.plain[at + 1 : at + 5])
        return at > self.at and bool(re.match(r"\[\d+\] ?(=|$)", following))

    def _expectation(self) -> str:
        self.at += 1
        inside = self._sum()
        if not self._take("]"):
            raise _NoFormula
        return f"<mi>E</mi><mo>[</mo>{inside}<mo>]</mo>"

    def _words(self, first: str) -> str:
        words = [first]
        while self._peek()[0] == "space" and self._peek(1)[0] == "name" and not _is_symbol(self._peek(1)[1]):
            words.append(self._peek(1)[1])
            self.at += 2
        return f"<mtext>{_escape(' '.join(words))}</mtext>"

    def _indexed(self, name: str) -> str:
        """A name with what follows _ as a subscript, and what is in brackets as it is."""
        if self._take("_"):
            kind, text = self._peek()
            self.at += 1
            if text == "(":
                below = _bare(self._parenthesis())
            elif kind in ("name", "number"):
                below = _name(text) if kind == "name" else _number(text)
            else:
                raise _NoFormula
            name = f"<msub>{_one(name)}{_one(below)}</msub>"
        if self._peek()[1] == "[":
            inside = ""
            while (sign := self._peek()[1]) != "]":
                if not sign:
                    raise _NoFormula
                inside += sign
                self.at += 1
            self.at += 1
            name += f"<mtext>{_escape(inside)}]</mtext>"
        return name


def _one(content: str) -> str:
    """Return the content as one element."""
    return content if re.fullmatch(r"<(m[in])>[^<]*</\1>", content) else f"<mrow>{content}</mrow>"


def _bare(content: str) -> str:
    """Return the content without the parentheses around all of it."""
    start, end = "<mrow><mo>(</mo>", "<mo>)</mo></mrow>"
    if not (content.startswith(start) and content.endswith(end)):
        return content
    inside = content[len(start) : -len(end)]
    return content if _closes_early(inside) else inside


def _closes_early(inside: str) -> bool:
    """Whether a parenthesis within closes the first one: as in (a) (b)."""
    depth = 0
    for sign in re.findall(r"<mo>([()])</mo>", inside):
        depth += 1 if sign == "(" else -1
        if depth < 0:
            return True
    return False


def _is_symbol(text: str) -> bool:
    stem = text.rstrip("'").rstrip("0123456789")
    return len(stem) == 1 or stem in _GREEK or stem in _LONG or (stem[0] == "d" and _is_symbol(text[1:]))


def _name(text: str) -> str:
    """Return a symbol: with its number as a subscript, and the d of a derivative upright."""
    stem = text.rstrip("'")
    prime = text[len(stem) :]
    letters = stem.rstrip("0123456789")
    digits = stem[len(letters) :]
    derivative = ""
    if len(letters) > 1 and letters[0] == "d" and letters not in _GREEK and letters not in _LONG:
        derivative, letters = '<mi mathvariant="normal">d</mi>', letters[1:]
    symbol = f"<mi>{_escape(_GREEK.get(letters, letters))}</mi>"
    if digits:
        symbol = f"<msub>{symbol}<mn>{digits}</mn></msub>"
    if prime:
        symbol = f"<msup>{symbol}<mo>′</mo></msup>"
    return derivative + symbol


def _number(text: str) -> str:
    return f"<mn>{text}</mn>"


def _operator(sign: str, form: str = "") -> str:
    attribute = f' form="{form}"' if form else ""
    return f"<mo{attribute}>{_escape(_SIGNS.get(sign, sign))}</mo>"


def _escape(text: str) -> str:
    from markupsafe import escape

    return str(escape(printable(text)))
