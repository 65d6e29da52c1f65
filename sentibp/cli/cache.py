"""`sentibp cache`: show or clear the cache of encoded text."""

from __future__ import annotations

from typing import Annotated

import typer

from sentibp.cli import Json
from sentibp.cli.output import print_text, size, table


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
        print_text(f"{size(cache.clear())} removed")
        return
    lines = [
        [entry.name[:8], entry.about, size(entry.size), str(datetime.fromtimestamp(int(entry.used)))]
        for entry in cache.entries()
    ]
    table(["entry", "what", "size", "last used"], lines, json)
    if not json:
        print_text(f"\n{cache.folder() or 'switched off by SENTIBP_CACHE'}; at most {size(cache.limit())}")
