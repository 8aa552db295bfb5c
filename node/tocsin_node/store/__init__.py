"""Where the truth is kept: one SQL database behind a small protocol."""
