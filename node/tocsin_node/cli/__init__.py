"""The command line `tocsin`: one module per group of commands, over the node's own contract."""
