"""The web listener: health and metrics over HTTP, for those who watch the node. Nothing here changes anything."""
