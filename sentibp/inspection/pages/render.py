"""Write every page and piece of HTML, from the templates of this folder, with jinja2.

All text is escaped, so that markup in a review is shown and not obeyed. Characters that HTML does not allow are
replaced. Pages load nothing from elsewhere.
"""

from __future__ import annotations

import base64
import bz2
import hashlib
import json
import math
import re
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
    scripts = [_dense(read_template(name)) for name in script_names]
    return render(template, scripts=list(map(trusted, scripts)), policy=policy(scripts), **values).encode(
        errors="replace"
    )


def _dense(script: str) -> str:
    """Return a script without indentation and lines that are a comment: a tenth of its bytes."""
    return re.sub(r"^ *(//.*\n)?", "", script, flags=re.MULTILINE)


def policy(scripts: Iterable[str]) -> str:
    """Return the content security policy that allows these scripts only, and no requests."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src {allowed}"


def packed_data(value: Any) -> Markup:
    """Return a value for templates/unpack.js: JSON, compressed with bzip2, in base 85.

    That is about a third of the JSON. It has no "<", which HTML could read as the end of a script: "," stands for it.
    """
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return trusted(base64.b85encode(bz2.compress(text.encode(errors="replace"))).decode().replace("<", ","))


def signed(value: float) -> str:
    """Return a weight or a contribution with its sign and 4 decimals; a tiny one with its power of ten, not as 0."""
    return f"{value:+.4f}" if value == 0 or abs(value) >= 5e-4 else f"{value:+.1e}"


def weight(value: float) -> str:
    """Return the weight of a word with its sign and 2 decimals; a tiny or huge one with its power of ten."""
    size = abs(value)
    return signed(value) if size < 0.1 else f"{value:+.2f}" if size < 1e4 else f"{value:+.1e}"


def probability(value: float) -> str:
    """Return a probability with 4 decimals; or up to 6 that show that it is not certain, or >0.999999, or 1.8e-07."""
    if 0 < value < 5e-5:
        return f"{value:.1e}"
    if 1 - 1e-6 < value < 1:
        return ">0.999999"
    distance = 1 - value
    return f"{value:.{min(1 - math.floor(math.log10(distance)), 6) if 0 < distance < 5e-5 else 4}f}"


def unbroken(text: str) -> Markup:
    """Return the text as HTML, in which no line ends before a % or within the name of an option, such as --set."""
    from markupsafe import escape

    text = str(escape(re.sub(r"(?<=\d) %", "\u00a0%", printable(text))))
    return trusted(re.sub(r"--[a-z][a-z-]*", r'<span class="whole">\g<0></span>', text))


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
    environment.filters |= {"signed": signed, "weight": weight, "probability": probability, "unbroken": unbroken}
    return environment


def _printable(value: Any) -> Any:
    """Replace control characters and surrogates, which HTML does not allow, in the values of a template."""
    if not isinstance(value, str) or hasattr(value, "__html__") or value.isprintable():
        return value
    return "".join(c if c in "\n\t" or c.isprintable() or ord(c) >= 0xA0 else "�" for c in value)


def printable(text: str) -> str:
    """Return the text without the characters that HTML does not allow."""
    return _printable(text)
