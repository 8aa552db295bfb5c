"""Options that every bench has."""

import argparse


def parser(about: str | None) -> argparse.ArgumentParser:
    """A parser with `--large`; the bench adds its own sizes."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--large", action="store_true", help="ten times the sizes")
    return made
