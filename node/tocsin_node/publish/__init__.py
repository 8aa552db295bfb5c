"""From raw rows to signed entries of an own feed, and back out again: publish, revise, withdraw, show."""
