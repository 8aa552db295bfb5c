"""Single signals as files that somebody without a node can check."""
