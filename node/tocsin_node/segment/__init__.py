"""The one shape all the way: a run of entries in columns, from the publisher's log to the follower's index."""
