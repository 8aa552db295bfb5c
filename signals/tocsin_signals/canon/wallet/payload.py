"""What all chains refuse alike, once the address is decoded."""

from tocsin_signals.canon.reasons import reject


def refuse_zeros(payload: bytes) -> None:
    """Nobody holds the key to nothing but zeros: exports write it for "no address", and coins are burnt there."""
    if not any(payload):
        raise reject("guard:zero")
