"""Phone numbers of a possible length that no numbering plan gives out, as far as the phone data here knows.

A reason to look, not to refuse: plans change, and data lags behind them.
"""

from collections.abc import Iterator

from tocsin_signals.canon.phone import load


def lint_phone(canonical: str) -> Iterator[str]:
    """A number in E.164."""
    load()
    import phonenumbers

    if not phonenumbers.is_valid_number(phonenumbers.parse(canonical)):
        yield "phone-not-valid"
