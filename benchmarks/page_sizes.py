"""Say how many bytes the parts of pages have: `python benchmarks/page_sizes.py report.html...`"""

from __future__ import annotations

import base64
import bz2
import json
import re
import sys
from pathlib import Path

_DATA = re.compile(r'<script type="text/plain" id="numbers">([^<]*)</script>')  # of render.packed_data


def parts(page: str) -> dict[str, int]:
    """Return the bytes of each part of a page: text with tables, style, scripts, and each kind of data.

    The data are compressed together. Their bytes are shared out by those that each kind has alone.
    """
    style = "".join(re.findall(r"<style>.*?</style>", page, re.DOTALL))
    scripts = "".join(re.findall(r"<script>.*?</script>", page, re.DOTALL))
    found = {"style": len(style.encode()), "scripts": len(scripts.encode())}
    data = _DATA.search(page)
    if data:
        alone = _alone(json.loads(bz2.decompress(base64.b85decode(data[1].replace(",", "<")))))
        found |= {key: round(size * len(data[1]) / sum(alone.values())) for key, size in alone.items()}
    return {"text, tables": len(page.encode()) - sum(found.values())} | found


def _alone(data: dict[str, object]) -> dict[str, int]:
    """Return the compressed bytes of each kind of data, and of the texts of the reviews."""
    texts = [table.pop("texts") for table in data.get("reviews", [])]  # type: ignore[attr-defined]
    kinds = data | ({"texts of reviews": texts} if texts else {})
    return {
        key: len(bz2.compress(json.dumps(each, separators=(",", ":"), ensure_ascii=False).encode()))
        for key, each in kinds.items()
    }


def main(names: list[str]) -> None:
    """Print a line for each page."""
    for name in names:
        page = Path(name).read_text(encoding="utf-8")
        shown = ", ".join(f"{key} {size / 1000:.0f}" for key, size in parts(page).items())
        print(f"{name}: {len(page.encode()) / 1000:.0f} kB; {shown}")


if __name__ == "__main__":
    main(sys.argv[1:])
