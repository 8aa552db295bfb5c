"""Wallets: profile wallet/1, `chain:address`. Reference signals 3.7.

In order: trim · split at the first colon, the chain by its aliases · the wrapping of a payment link off: a scheme once
more (`bch:bitcoincash:q...`), `//`, everything from `?` · the chain reads the address, verifies every checksum it has,
and writes it in one way. Chains with one key space are one chain: Ethereum, BSC and Polygon are `evm`.

    btc     1... and 3... unchanged; bc1... in lower case
    ltc     L... and M... unchanged; 3... as M...; ltc1... in lower case
    bch     CashAddr in lower case, without prefix; 1... and 3... turned into it; token-aware as the plain address
    evm     0x and 40 hex digits in lower case; mixed case must satisfy EIP-55
    trx     T...; hexadecimal 41... turned into it
    xmr     unchanged; an integrated address as the standard one it holds
    sol     unchanged: it has no checksum
    ton     workchain:hex, from any friendly form

A bare address is refused, for `3...` is valid on three chains. So are test networks, payment requests to a contract
(`ethereum:0x.../transfer`), MWEB addresses of Litecoin, and payloads of nothing but zeros. Costs: 5 to 40 us; a third
of a millisecond where Keccak takes part (evm in mixed case, xmr). Asks no chain: an address nobody ever used passes.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from tocsin_signals.canon.reasons import reject
from tocsin_signals.canon.text import trim
from tocsin_signals.canon.wallet.bitcoin import bch, btc, ltc
from tocsin_signals.canon.wallet.evm import evm
from tocsin_signals.canon.wallet.monero import xmr
from tocsin_signals.canon.wallet.ton import ton
from tocsin_signals.canon.wallet.tron_solana import sol, trx

MAX_CHARS: Final = 128
"""Longest address read, in characters: an integrated Monero address has 106. Decoding takes time by the square."""

CHAINS: Final = MappingProxyType[str, Callable[[str], str]](
    {"btc": btc, "evm": evm, "trx": trx, "xmr": xmr, "ltc": ltc, "bch": bch, "sol": sol, "ton": ton}
)
ALIASES: Final = MappingProxyType(
    {name: name for name in CHAINS}
    | dict.fromkeys(("eth", "ethereum", "bsc", "polygon"), "evm")
    | {"bitcoin": "btc", "tron": "trx", "monero": "xmr", "litecoin": "ltc", "bitcoincash": "bch", "solana": "sol"}
)
"""Chain by every name it goes under, schemes of payment links included."""


def wallet(text: str) -> str:
    """Canonical form of an address on a chain."""
    chain, rest = _split(trim(text))
    inner, colon, further = rest.partition(":")
    if colon and ALIASES.get(inner.lower()) == chain:
        rest = further
    address = trim(rest.removeprefix("//").partition("?")[0])
    if not address:
        raise reject("empty")
    if len(address) > MAX_CHARS or not address.isascii():
        raise reject("format")
    return f"{chain}:{CHAINS[chain](address)}"


def _split(text: str) -> tuple[str, str]:
    name, colon, rest = text.partition(":")
    name = trim(name)
    if not (colon and name):
        raise reject("no-chain")
    chain = ALIASES.get(name.lower()) if name.isascii() else None
    if chain is None:
        raise reject("chain")
    return chain, trim(rest)
