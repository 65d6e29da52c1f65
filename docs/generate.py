"""Write the parts of the documentation that are made from the code: `python docs/generate.py`.

README.md: the tables of configs and settings and the commands' help, between their markers; configs/schema.json.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMMANDS = [
    "train",
    "pretrain",
    "eval",
    "predict",
    "explain",
    "blame",
    "audit",
    "trace",
    "gradcheck",
    "report",
    "play",
    "bench",
    "runs list",
    "runs compare",
    "reproduce",
    "runs flow",
    "runs watch",
    "words neighbors",
    "words analogy",
    "words top",
    "config show",
    "config list",
    "config schema",
    "cache",
]


def commands() -> str:
    """The help of each command, as people see it on a terminal of 100 columns."""
    from typer.testing import CliRunner

    from sentibp.cli import application

    os.environ["TERMINAL_WIDTH"] = os.environ["COLUMNS"] = "100"
    parts = []
    for command in COMMANDS:
        result = CliRunner().invoke(application(), [*command.split(), "--help"], prog_name="sentibp")
        assert result.exit_code == 0, result.output
        lines = [line.rstrip() for line in result.output.strip().splitlines()]
        parts.append("```text\n" + "\n".join(lines) + "\n```\n")
    return "\n".join(parts)


def configs() -> str:
    """The table of shipped configs."""
    from sentibp.config.shipped import shipped

    rows = [f"| [`{name}`](configs/{name}.yaml) | {about} |" for name, about in shipped()]
    return "\n".join(["| Config | What it shows |", "| --- | --- |", *rows]) + "\n"


def settings() -> str:
    """The table of settings."""
    from sentibp.config.reference import reference

    return reference()


def filled(text: str, name: str, content: str) -> str:
    """The text with the content put between the markers of that name."""
    start, end = f"<!-- {name}: generated -->\n", f"<!-- end of {name} -->"
    before, _, rest = text.partition(start)
    _, marker, after = rest.partition(end)
    assert marker, f"no markers for {name}"
    return f"{before}{start}\n{content}\n{marker}{after}"


def generated() -> dict[Path, str]:
    """Each generated file with what it should hold."""
    from sentibp.config.reference import json_schema

    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    for name, content in ("configs", configs()), ("commands", commands()), ("settings", settings()):
        text = filled(text, name, content)
    return {
        readme: text,
        ROOT / "configs" / "schema.json": json.dumps(json_schema(), indent=2) + "\n",
    }


if __name__ == "__main__":
    for path, content in generated().items():
        path.write_text(content, encoding="utf-8")
