"""Benchmarks: each prints its figures as ratios to a limit or reference measured in the same run."""
