"""Append-only Merkle logs: own feeds, followed feeds, and the audit log, on one engine."""
