"""Wallets: forms that the chain allows and nobody uses."""

from collections.abc import Iterator
from typing import Final

from tocsin_signals.canon.wallet.bits import CHARSET
from tocsin_signals.lint.placeholders import lint_digits

_SEGWIT: Final = ("btc:bc1", "ltc:ltc1")
_TAPROOT: Final = 1  # the newest witness version in use
_WORKCHAINS: Final = frozenset({"0", "-1"})  # the base chain and the masterchain


def lint_wallet(canonical: str) -> Iterator[str]:
    """`chain:address`."""
    chain, _, address = canonical.partition(":")
    if canonical.startswith(_SEGWIT) and CHARSET.index(address.partition("1")[2][0]) > _TAPROOT:
        yield "segwit-version"
    if chain == "ton" and address.partition(":")[0] not in _WORKCHAINS:
        yield "workchain"
    if chain in ("evm", "ton"):
        yield from lint_digits(canonical)
