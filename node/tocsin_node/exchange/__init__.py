"""Peer to peer: wire, meaning, one follower per feed and one link per peer; and the listener that serves them."""
