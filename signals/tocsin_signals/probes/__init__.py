"""Do two parties make the same canonical forms? Public values that both can try, and what a peer says it made of them.

*Fresh probes*: from a seed that neither side chose alone, the same list of odd spellings on both sides (`fresh`); each
side canonicalises them, and they compare digests of ever shorter beginnings of the list (`prefix_digest`) until the
first disagreement stands alone. *Reserved probes* (`reserved`): a fixed list that publishers keep in their feeds as
signals, for followers to look up in other spellings.

Rules: every value is a public constant or made of public constants, on names and numbers reserved for documentation
where a type has such; so nothing is revealed by trying, sending or publishing one. No probe is ever a real identifier
that somebody asserts something about. Which spellings a seed gives is part of GENERATOR: whoever changes it gives the
generator a new number, except that a further type may be added at any time. Pure: no chance, no clock. Reference
signals 1.3, 4.
"""

from tocsin_signals.probes.fresh import (
    GENERATOR,
    NONCE_BYTES,
    PER_TYPE,
    REJECT,
    Fresh,
    covered,
    forms,
    fresh,
    prefix_digest,
    seed_of,
)
from tocsin_signals.probes.reserved import MARK, MARK_KEY, RESERVED, Reserved, is_marked, is_reserved, reserved_for

__all__ = [
    "GENERATOR",
    "MARK",
    "MARK_KEY",
    "NONCE_BYTES",
    "PER_TYPE",
    "REJECT",
    "RESERVED",
    "Fresh",
    "Reserved",
    "covered",
    "forms",
    "fresh",
    "is_marked",
    "is_reserved",
    "prefix_digest",
    "reserved_for",
    "seed_of",
]
