"""Matching: the in-memory index from tags to the signals that assert them. Pure; rebuilt from segments at start."""
