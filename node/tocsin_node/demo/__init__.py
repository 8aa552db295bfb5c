"""`tocsin demo`: a federation of three nodes on this machine, and the story it tells."""
