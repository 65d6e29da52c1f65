"""Read the data of a page, as its scripts do."""

from __future__ import annotations

import base64
import bz2
import json
import re
from typing import Any


def numbers(page: str | bytes) -> Any:
    """Return the data of a report or of the page of a sweep."""
    page = page.decode() if isinstance(page, bytes) else page
    found = re.search(r'<script type="text/plain" id="numbers">([^<]*)</script>', page)
    assert found
    return json.loads(bz2.decompress(base64.b85decode(found[1].replace(",", "<"))))
