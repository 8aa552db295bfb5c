"""What organisations exchange: types of identifiers, canonical forms, vocabularies, details, file formats. Pure.

Nothing here knows of keys, storage or networks. Import the module you need; this package itself loads nothing: `types`
(registry), `canon` (canonical forms and look-up expansion), `vocab`, `details`, `entry`, `rows` and `rowfile` (files of
identifiers, CSV and JSON Lines, in and out), `guard` (what must never be shared), `errors`.
"""
