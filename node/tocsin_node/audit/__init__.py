"""The node's logs, checked from stored bytes to signed checkpoints."""
