"""Helpers for tests of the node and of programs around it: a clock set by hand, a node core without a network."""
