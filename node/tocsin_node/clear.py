"""Clear feeds: what stands where a tag would, for types that no keyed function may hide because bits are compared.

A clear feed belongs to no community; its entries carry epoch 0, which no community has, and the canonical form itself
as 32 bytes. Who receives the feed reads the values; so it has a named audience and is never served on.
"""

from typing import Final

from tocsin_signals import types

CLEAR_EPOCH: Final = 0
CLEAR_CODES: Final = frozenset(entry.code for entry in types.REGISTRY if entry.clear)


def clear_tag(canonical: str) -> bytes:
    """The 32 bytes of a clear type's canonical form, which is their hex."""
    return bytes.fromhex(canonical)


def clear_value(tag: bytes) -> str:
    """The canonical form that stands in a clear feed's entry."""
    return tag.hex()
