"""The errors of this package: one root, families by what the caller does next.

Every message is one sentence that names the thing and the reason, and never holds a secret or a raw identifier.
"""


class CryptoError(Exception):
    """Root of every error this package raises on purpose."""


class Malformed(CryptoError):
    """The bytes or values are not of the format: nothing to verify, nothing to retry."""


class Forged(CryptoError):
    """A signature, a proof or a binding between two values does not hold: keep the evidence."""


class Locked(CryptoError):
    """The passphrase or key does not open what was sealed."""


class Refused(CryptoError):
    """Genuine, but not acceptable here and now: expired, older than held, meant for another, readable by others."""
