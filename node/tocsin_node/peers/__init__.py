"""Other nodes: whose root key is pinned, in which state, under which TLS keys."""
