"""Wallets nobody or everybody pays, and bank accounts of examples."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from tocsin_signals.guard.verdict import GuardVerdict, block

_KINDS: Final = MappingProxyType(
    {
        "burn": block("wallet-burn", "Nobody has the key of this wallet: what is sent there is destroyed."),
        "token": block("wallet-contract", "This is a contract that everybody's payments pass, not a person's wallet."),
        "exchange": block("wallet-exchange", "This wallet is a trading house's: its customers would be meant."),
    }
)
_NO_KEY: Final = re.compile(r"evm:0x(?:0{32}[0-9a-f]{8}|0*dead|([0-9a-f])\1{39}|[0-9a-f]{4}0{32}[0-9a-f]{4})")
"""Built-in contracts have the first numbers; nobody finds a key for so few digits either."""

_EXAMPLE: Final = block("iban-example", "This account stands in manuals as an example: it is nobody's.")
# fmt: off
_EXAMPLES: Final = frozenset({
    "AT611904300234573201", "BE68539007547034", "BE71096123456769", "CH9300762011623852957",
    "CY17002001280000001200527600", "CZ6508000000192000145399", "DE89370400440532013000", "DE91100000000123456789",
    "DK5000400440116243",
    "EE382200221020145685", "ES9121000418450200051332", "FI2112345600000785", "FR1420041010050500013M02606",
    "FR7630006000011234567890189", "GB29NWBK60161331926819", "GB33BUKB20201555555555", "GB82WEST12345698765432",
    "GR1601101250000000012300695", "HR1210010051863000160", "HU42117730161111101800000000", "IE29AIBK93115212345678",
    "IT60X0542811101000000123456", "LT121000011101001000", "LU280019400644750000", "LV80BANK0000435195001",
    "MT84MALT011000012345MTLCAST001S", "NL91ABNA0417164300", "NO9386011117947", "PL61109010140000071219812874",
    "PT50000201231234567890154", "RO49AAAA1B31007593840000", "SE4550000000058398257466", "SI56263300012039086",
    "SK3112000000198742637541",
})
# fmt: on


def check_wallet(canonical: str) -> Iterator[GuardVerdict]:
    """The verdicts on `chain:address`."""
    kind = _wallets().get(canonical)
    if kind is not None:
        yield _KINDS[kind]
    elif _NO_KEY.fullmatch(canonical):
        yield _KINDS["burn"]


def check_iban(canonical: str) -> Iterator[GuardVerdict]:
    """The verdicts on a bank account."""
    if canonical in _EXAMPLES:
        yield _EXAMPLE


@cache
def _wallets() -> Mapping[str, str]:
    """Kind by address."""
    text = files("tocsin_signals").joinpath("data", "shared_wallets.txt").read_text(encoding="utf-8")
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return MappingProxyType({address: kind for kind, address in lines})
