"""`sentibp cache`: show or clear the cache of encoded text."""

from __future__ import annotations

from typing import Annotated

import typer

from sentibp.cli import Json
from sentibp.cli.output import print_json, print_message, print_text, size, table

EPILOG = "Examples: sentibp cache; sentibp cache --clear"


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all entries.")] = False, json: Json = False
) -> None:
    """Show or clear the cache of encoded text."""
    from datetime import datetime

    from sentibp.utils import cache as stored

    if clear:
        removed, kept = stored.clear()
        if json:
            print_json({"removed": removed})
        else:
            print_text(f"{size(removed)} removed")
        if kept:
            print_message(f"{stored.folder()}: {kept} of the entries cannot be removed; remove them as their owner")
        return
    lines = []
    for entry in stored.entries():
        used = str(datetime.fromtimestamp(int(entry.used)))
        lines.append([entry.name[:8], entry.about, entry.size if json else size(entry.size), used])
    table(["entry", "what", "size", "last used"], lines, json)
    if not json:
        folder = stored.folder()
        if folder is not None and folder.exists() and not folder.is_dir():
            print_message(f"{folder}: not a folder, so nothing is stored; name one with SENTIBP_CACHE")
        print_text(f"\n{folder or 'switched off by SENTIBP_CACHE'}; at most {size(stored.limit())}")
