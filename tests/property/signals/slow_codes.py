"""Slow and obvious versions of the codes that wallets and accounts use, written from their definitions.

Nothing here shares code or method with the program: polynomials are divided over GF(32) where the program shifts bits,
numbers are divided digit by digit where it uses large integers.
"""

import hashlib

CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = (1, 29, 22, 20, 21, 29, 18)
"""Generator over GF(32) of BIP-173, highest power first."""
CASHADDR = (1, 19, 3, 25, 11, 25, 3, 19, 1)
"""The same of CashAddr."""


def times(one: int, two: int) -> int:
    """Product in GF(32), whose element 2 satisfies a^5 = a^3 + 1."""
    found = 0
    for bit in range(5):
        if two >> bit & 1:
            found ^= one << bit
    for bit in range(8, 4, -1):
        if found >> bit & 1:
            found ^= 0b101001 << (bit - 5)
    return found


def remainder(groups: list[int], generator: tuple[int, ...]) -> list[int]:
    """What is left when the polynomial of `groups` is divided by `generator`."""
    rest = list(groups)
    for at in range(len(rest) - len(generator) + 1):
        factor = rest[at]
        for offset, part in enumerate(generator):
            rest[at + offset] ^= times(factor, part)
    return rest[1 - len(generator) :]


def check_groups(head: list[int], generator: tuple[int, ...], target: list[int]) -> list[int]:
    """Check groups after which 1 followed by everything leaves `target`."""
    rest = remainder([1, *head, *[0] * len(target)], generator)
    return [one ^ two for one, two in zip(rest, target, strict=True)]


def five_bits(raw: bytes) -> list[int]:
    """Groups of five bits, filled up with zeros."""
    text = "".join(f"{byte:08b}" for byte in raw)
    text += "0" * (-len(text) % 5)
    return [int(text[at : at + 5], 2) for at in range(0, len(text), 5)]


def segwit(prefix: str, version: int, program: bytes) -> str:
    """A segregated witness address."""
    groups = [version, *five_bits(program)]
    constant = 0x2BC830A3 if version else 1
    target = [constant >> shift & 31 for shift in range(25, -1, -5)]
    expanded = [ord(sign) >> 5 for sign in prefix] + [0] + [ord(sign) & 31 for sign in prefix]
    check = check_groups(expanded + groups, BECH32, target)
    return prefix + "1" + "".join(CHARSET[group] for group in groups + check)


def cashaddr(kind: int, size_bits: int, body: bytes) -> str:
    """An address of Bitcoin Cash, without its prefix."""
    groups = five_bits(bytes([kind * 8 + size_bits]) + body)
    expanded = [ord(sign) & 31 for sign in "bitcoincash"] + [0]
    check = check_groups(expanded + groups, CASHADDR, [0] * 7 + [1])
    return "".join(CHARSET[group] for group in groups + check)


def base58(raw: bytes) -> str:
    """Base58 by long division, one digit at a time."""
    digits, text = list(raw), ""
    while any(digits):
        rest = 0
        for at, digit in enumerate(digits):
            digits[at], rest = divmod(rest * 256 + digit, 58)
        text = BASE58[rest] + text
    zeros = 0
    while zeros < len(raw) and raw[zeros] == 0:
        zeros += 1
    return "1" * zeros + text


def base58check(version: int, body: bytes) -> str:
    """The same with version and checksum."""
    payload = bytes([version]) + body
    return base58(payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4])


def crc16(raw: bytes) -> int:
    """CRC-16/XMODEM bit by bit."""
    register = 0
    for bit in "".join(f"{byte:08b}" for byte in raw) + "0" * 16:
        register = register << 1 | int(bit)
        if register >> 16:
            register ^= 0x11021
    return register


def mod97(text: str) -> int:
    """MOD 97-10 by hand: one decimal digit after the other."""
    rest = 0
    for sign in text:
        for digit in str("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(sign)):
            rest = (rest * 10 + int(digit)) % 97
    return rest
