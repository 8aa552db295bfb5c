"""Own signals out, as files that other software and our own importers read: CSV, JSON Lines, STIX 2.1 bundles."""
