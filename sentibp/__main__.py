"""`python -m sentibp` and the `sentibp` command."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from sentibp.cli import app

    app(prog_name="sentibp")


if __name__ == "__main__":
    main()
