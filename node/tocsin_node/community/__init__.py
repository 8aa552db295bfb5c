"""Communities: organisations that tag with the same key material, in epochs."""
