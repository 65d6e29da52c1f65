"""`sentibp cache`: show or clear the cache of encoded text."""

from __future__ import annotations

from typing import Annotated

import typer

from sentibp.cli import Json
from sentibp.cli.output import print_json, print_message, print_text, size, table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cache", epilog="Examples: sentibp cache; sentibp cache --clear")(show_or_clear)


def show_or_clear(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all entries.")] = False, json: Json = False
) -> None:
    """Show or clear the cache of encoded text."""
    from datetime import datetime

    from sentibp.utils import cache

    if clear:
        removed, kept = cache.clear()
        if json:
            print_json({"removed": removed})
        else:
            print_text(f"{size(removed)} removed")
        if kept:
            print_message(f"{cache.folder()}: {kept} of the entries cannot be removed; remove them as their owner")
        return
    lines = []
    for entry in cache.entries():
        used = str(datetime.fromtimestamp(int(entry.used)))
        lines.append([entry.name[:8], entry.about, entry.size if json else size(entry.size), used])
    table(["entry", "what", "size", "last used"], lines, json)
    if not json:
        folder = cache.folder()
        if folder is not None and folder.exists() and not folder.is_dir():
            print_message(f"{folder}: not a folder, so nothing is stored; name one with SENTIBP_CACHE")
        print_text(f"\n{folder or 'switched off by SENTIBP_CACHE'}; at most {size(cache.limit())}")
