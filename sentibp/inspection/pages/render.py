"""Write every page and piece of HTML, from the templates of this folder, with jinja2.

All text is escaped, so that markup in a review is shown and not obeyed. Characters that HTML does not allow are
replaced. Pages load nothing from elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> str:
    """Return the template with the values in it, as HTML."""
    return _environment().get_template(template).render(values)


def read_template(name: str) -> str:
    """Return the text of a style or script of templates/."""
    return (_TEMPLATES / name).read_text("utf-8")


def page_with_scripts(template: str, script_names: Sequence[str], **values: Any) -> bytes:
    """Return a page that has the named scripts of templates/ in it, and runs no others."""
    scripts = [read_template(name) for name in script_names]
    return render(template, scripts=list(map(trusted, scripts)), policy=policy(scripts), **values).encode(
        errors="replace"
    )


def policy(scripts: Iterable[str]) -> str:
    """Return the content security policy that allows these scripts only, and no requests."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src {allowed}"


def packed_data(value: Any) -> Markup:
    """Return a value for `page.unpacked` of templates/charts.js: JSON, compressed with DEFLATE, in base64.

    That is less than half of the JSON, and holds nothing that HTML could read as the end of a script.
    """
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)  # without a header: "deflate-raw" of DecompressionStream
    packed = packer.compress(text.encode(errors="replace")) + packer.flush()
    return trusted(base64.b64encode(packed).decode())


def without_repeats(value: Any, least: int = 60) -> tuple[Any, list[Any]]:
    """Return data with each list and object of `least` characters of JSON that it has more than once as {"$": number}.

    Also return these, by number. `page.restored` of templates/charts.js puts them back.
    """
    counts: Counter[str] = Counter()
    numbers: dict[str, int] = {}
    shared: list[Any] = []

    def count(part: Any) -> None:
        if isinstance(part, list | dict):
            key = json.dumps(part, sort_keys=True)
            counts[key] += len(key) >= least
            if counts[key] < 2:
                for each in part.values() if isinstance(part, dict) else part:
                    count(each)

    def replaced(part: Any) -> Any:
        if not isinstance(part, list | dict):
            return part
        key = json.dumps(part, sort_keys=True)
        if key not in numbers:
            own = {name: replaced(each) for name, each in part.items()} if isinstance(part, dict) else None
            own = list(map(replaced, part)) if own is None else own
            if counts[key] < 2:
                return own
            numbers[key] = len(shared)
            shared.append(own)
        return {"$": numbers[key]}

    count(value)
    return replaced(value), shared


def signed(value: float) -> str:
    """Return a weight or a contribution with its sign and 4 decimals; a tiny one with its power of ten, not as 0."""
    return f"{value:+.4f}" if value == 0 or abs(value) >= 5e-4 else f"{value:+.1e}"


def weight(value: float) -> str:
    """Return the weight of a word with its sign and 2 decimals; a small one as `signed` does."""
    return f"{value:+.2f}" if abs(value) >= 0.1 else signed(value)


def probability(value: float) -> str:
    """Return a probability with 4 decimals; or up to 6 that show that it is not certain, or >0.999999, or 1.8e-07."""
    if 0 < value < 5e-5:
        return f"{value:.1e}"
    if 1 - 1e-6 < value < 1:
        return ">0.999999"
    distance = 1 - value
    return f"{value:.{min(1 - math.floor(math.log10(distance)), 6) if 0 < distance < 5e-5 else 4}f}"


def trusted(content: str) -> Markup:
    """Mark what this package or a library wrote (HTML, a style, a script): templates show it unescaped."""
    from markupsafe import Markup

    return Markup(content)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # imported only if a page is written

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"signed": signed, "weight": weight, "probability": probability}
    return environment


def _printable(value: Any) -> Any:
    """Replace control characters and surrogates, which HTML does not allow, in the values of a template."""
    if not isinstance(value, str) or hasattr(value, "__html__") or value.isprintable():
        return value
    return "".join(c if c in "\n\t" or c.isprintable() or ord(c) >= 0xA0 else "�" for c in value)


def printable(text: str) -> str:
    """Return the text without the characters that HTML does not allow."""
    return _printable(text)
