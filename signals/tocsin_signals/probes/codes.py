"""Fresh probes of wallets, bank accounts, devices, ranges and PhotoDNA: a plain spelling, and the same rewritten.

Wallets are the examples of the standards' own texts; bank accounts are of the country `XX`, which will never be one;
hardware addresses and ranges are those kept for documentation; the rest is drawn.
"""

import base64
from typing import Final

from tocsin_signals.probes.draw import Draw

_HEX: Final = "0123456789abcdef"
# fmt: off
_WALLETS: Final = (
    ("btc:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bitcoin:BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4?amount=1"),
    ("btc:bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
     "BTC : BC1P0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQZK5JJ0"),
    ("btc:bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
     "bitcoin:bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd"),
    ("btc:1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "bitcoin://1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
    ("btc:1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", " btc:1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3"),
    ("bch:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", "bch:1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu"),
    ("evm:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "ETH:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    ("evm:0x5Aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "polygon:0x5Aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    ("trx:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "tron:41a614f803b6fd780986a42c78ec9c7f77e6ded13c"),
    ("ton:0:ca6e321c7cce9ecedf0a8ca2492ec8592494aa5fb5ce0387dff96ef6af982a3e",
     "TON:EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHF"),
)
# fmt: on


def wallet(draw: Draw) -> tuple[str, str]:
    """(plain, rewritten) of an address on a chain."""
    if draw.once_in(2):
        return draw.one_of(_WALLETS)
    digits = draw.digits(40, _HEX)
    return f"evm:0x{digits}", f"{draw.one_of(('eth', 'bsc', 'EVM', ' Polygon '))}:0x{digits.upper()}"


def iban(draw: Draw) -> tuple[str, str]:
    """(plain, rewritten) of a bank account; one in eight with wrong check digits."""
    account = draw.digits(11 + draw.number(20), "0123456789ABCXYZ")
    number = int("".join(str(int(sign, 36)) for sign in f"{account}XX00"))
    check = (98 - number % 97 + (1 if draw.once_in(8) else 0)) % 100
    plain = f"XX{check:02}{account}"
    apart = draw.one_of((" ", "-", "\u00a0", "\u2009")).join(plain[at : at + 4] for at in range(0, len(plain), 4))
    said = draw.one_of((apart, plain.lower(), f"IBAN {apart}", f" iban: {plain}"))
    return plain, said


def device(draw: Draw) -> tuple[str, str]:
    """(plain, rewritten) of a device's id."""
    if draw.once_in(3):
        digits = "00005e0053" + draw.digits(2, _HEX)
        pairs = [digits[at : at + 2] for at in range(0, 12, 2)]
        return f"mac:{digits}", f"MAC: {draw.one_of((':', '-')).join(pairs).upper()}"
    if draw.once_in(3):
        digits = "00101" + draw.digits(9)
        return f"imei:{digits}", f"IMEI:{digits[:2]}-{digits[2:8]} {digits[8:]}"
    digits = draw.digits(32, _HEX)
    parts = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    kind, spellings = draw.one_of((("idfa", ("IDFA", "idfa ")), ("gaid", ("aaid", "GAID")), ("idfv", ("idfv",))))
    said = draw.one_of((parts.upper(), digits, f"{{{parts}}}"))
    return f"{kind}:{parts}", f"{draw.one_of(spellings)}:{said}"


def cidr(draw: Draw) -> tuple[str, str]:
    """(plain, rewritten) of a range."""
    if draw.once_in(2):
        net = draw.one_of(("192.0.2", "198.51.100", "203.0.113"))
        last, length = draw.one_of(("0", "0", "0", "128", "7")), draw.one_of(("24", "24", "24", "25", "16"))
        carried = f"::ffff:{net}.{last}/{96 + int(length)}"
        return f"{net}.{last}/{length}", draw.one_of((f"{net.replace('.', '[.]')}.{last}/{length}", carried))
    length = draw.one_of(("48", "56", "64", "63"))
    site = f"{draw.number(2**16):x}"
    full = f"2001:0DB8:{site.zfill(4).upper()}:0000:0:0:0:0/{length}"
    return f"2001:db8:{site}::/{length}", full


def photodna(draw: Draw) -> tuple[str, str]:
    """(plain, rewritten) of a PhotoDNA hash."""
    data = bytes(draw.number(256) for _ in range(144))
    ways = (data.hex().upper(), ",".join(map(str, data)), base64.b64encode(data).decode())
    return data.hex(), draw.one_of(ways)
