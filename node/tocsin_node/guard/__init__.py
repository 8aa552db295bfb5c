"""What stands between a row and the log beside its own form: own lists, second persons, how many own users it hits."""
