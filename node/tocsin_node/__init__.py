"""The running node: store, logs, exchange, policy, matching, audit and command line."""
