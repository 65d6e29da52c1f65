"""Say how many bytes the parts of pages have: `python benchmarks/page_sizes.py report.html...`"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path


def parts(page: str) -> dict[str, int]:
    """Return the bytes of each part of a page: text with tables, style, scripts, and each kind of data."""
    style = "".join(re.findall(r"<style>.*?</style>", page, re.DOTALL))
    scripts = "".join(re.findall(r"<script>.*?</script>", page, re.DOTALL))
    data = "".join(re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL))
    found = {"style": len(style.encode()), "scripts": len(scripts.encode())}
    for key, value in (json.loads(data) if data else {}).items():
        found[key] = len(json.dumps(value, separators=(",", ":"), ensure_ascii=True))
    if data:
        found["texts of reviews"] = sum(
            len(json.dumps(table["texts"], separators=(",", ":"))) for table in json.loads(data).get("reviews", [])
        )
        found["reviews"] = found.get("reviews", 0) - found["texts of reviews"]
    return {"text, tables": len(page.encode()) - sum(found.values())} | found


def main(names: list[str]) -> None:
    """Print a line for each page."""
    for name in names:
        page = Path(name).read_text(encoding="utf-8")
        shown = ", ".join(f"{key} {size / 1000:.0f}" for key, size in parts(page).items())
        print(f"{name}: {len(page.encode()) / 1000:.0f} kB; {shown}")


if __name__ == "__main__":
    main(sys.argv[1:])
