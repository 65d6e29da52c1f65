"""Numbers that people write as text: in quotes, as a percentage, with a decimal comma."""

from __future__ import annotations

import re

from sentibp.config import yaml_file


def parse_number(text: str) -> float | None:
    """Return the number that a text in quotes holds, or None."""
    try:
        value = yaml_file.parse(text).value
    except yaml_file.YamlError:
        return None
    return value if type(value) in (int, float) else None


def meant_number(text: str, *, whole: bool) -> float | None:
    """Return the number that a text such as `50 %`, `0,5`, `1/10` or, if it is `whole`, `1_000` means, or None."""
    text = text.strip()[:100]
    if whole:
        parts = re.fullmatch(r"[0-9]{1,3}(?:([_,' ])[0-9]{3})(?:\1[0-9]{3})*", text)
        return int(re.sub(r"[^0-9]", "", text)) if parts else None
    digits = r"([0-9]+(?:[.,][0-9]+)?|[.,][0-9]+)"
    if share := re.fullmatch(rf"{digits} ?%", text):
        return float(f"{float(share[1].replace(',', '.')) / 100:.12g}")
    if fraction := re.fullmatch(r"([0-9]{1,9}) ?/ ?([0-9]{1,9})", text):
        return float(f"{int(fraction[1]) / int(fraction[2]):.6g}") if int(fraction[2]) else None
    return float(text.replace(",", ".")) if re.fullmatch(r"[-+]?[0-9]*,[0-9]+", text) else None
