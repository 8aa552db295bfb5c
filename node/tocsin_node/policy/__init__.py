"""Policy: what this node believes of whom. Pure: bytes to `Policy`, details to `Decision`, assertions to `Verdict`."""
