"""Pages of HTML that stand alone: no script, nothing from elsewhere, light and dark, as narrow as a phone."""

from __future__ import annotations

from html import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --paper: #fdfdfb; --faint: #6a6a6a; --line: #d8d8d2; --box: #f2f2ec;
  --positive: #2e9e5b; --negative: #d9503f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e4; --paper: #17181a; --faint: #9c9c96; --line: #3a3b3e; --box: #222326;
    --positive: #3fbf73; --negative: #ec6a58; } }
body { margin: 0 auto; padding: 1rem; max-width: 50rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: .5rem 0; } h2 { font-size: 1.1rem; margin: 1.8rem 0 .4rem; }
p { margin: .4rem 0; } .faint { color: var(--faint); }
.text { font-size: 1.15rem; line-height: 1.9; white-space: pre-wrap; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .6rem .15rem 0; text-align: right; vertical-align: top; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } th, td { overflow-wrap: normal; } th:first-child, td:first-child { text-align: left; }
td:first-child { overflow-wrap: anywhere; min-width: 6rem; }
mark { color: inherit; border-radius: .2rem; padding: .1rem 0; background: none; }
mark.positive { background: color-mix(in srgb, var(--positive) var(--share), transparent); }
mark.negative { background: color-mix(in srgb, var(--negative) var(--share), transparent); }
mark.unknown { color: var(--faint); border-bottom: 1px dotted var(--faint); border-radius: 0; }
.bar { width: 30%; min-width: 5rem; padding-right: 0; }
.bar div { height: .8rem; width: var(--share); border-radius: .1rem; }
.bar .positive { background: var(--positive); } .bar .negative { background: var(--negative); }
code, .formula { font-family: ui-monospace, monospace; font-size: .88rem; }
.formula { background: var(--box); border-radius: .3rem; padding: .4rem .6rem; margin: .4rem 0; white-space: pre-wrap; }
.formula div { padding-left: 1rem; text-indent: -1rem; }
.source { color: var(--faint); font-size: .8rem; }
.gap { border-bottom: 1px solid var(--ink); padding: 0 9rem 0 .2rem; color: var(--faint); font-size: .75rem; }
@media (max-width: 30rem) { table { font-size: .8rem; } th, td { padding-right: .4rem; }
  td:first-child { min-width: 3.5rem; } .bar { min-width: 3rem; } }
@media print { body { max-width: none; } .key { break-before: page; } }
"""


def page(title: str, body: str) -> str:
    """A whole page; `title` is text, `body` is HTML."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{page_text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{page_text(title)}</h1>
{body}
</body>
</html>
"""


def page_text(content: str) -> str:
    """Text as HTML that shows it: markup in it is shown, not obeyed. What no page may hold becomes a replacement."""
    return escape("".join(c if c in "\n\t" or c.isprintable() or ord(c) >= 0xA0 else "�" for c in content))
