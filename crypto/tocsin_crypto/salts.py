"""The salts of one 256-aligned block of a feed, expanded from its seed.

Salts = the first 4,096 bytes of ChaCha20 (RFC 8439) keystream under the 32-byte seed, nonce 0, counter 0: 16 bytes for
each of 256 entries in order. Destroying the seed and keeping some salts makes the others unguessable again.
"""

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from tocsin_crypto.errors import Malformed

SEED_BYTES = 32
SALT_BYTES = 16
BLOCK_ENTRIES = 256
BLOCK_BYTES = SALT_BYTES * BLOCK_ENTRIES

_NONCE = bytes(16)  # this library's form: 4 bytes of counter, then the 12-byte nonce
_ZEROS = bytes(BLOCK_BYTES)


def expand_seed(seed: bytes) -> bytes:
    """The 4,096 bytes of salts of a block: salt i is bytes 16 i to 16 i + 16."""
    if len(seed) != SEED_BYTES:
        raise Malformed(f"a salt seed has {SEED_BYTES} bytes, not {len(seed)}")
    return Cipher(ChaCha20(seed, _NONCE), mode=None).encryptor().update(_ZEROS)
