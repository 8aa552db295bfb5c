"""Keys to bytes: signing, notes, Merkle trees, tags, sealed keys, signed statements, TLS identities.

Pure: time, randomness and passphrases are arguments; only ``keyfile`` reads or writes a file. Every error is a
``tocsin_crypto.errors.CryptoError``. This package knows neither ``tocsin_signals`` nor the node.
"""
