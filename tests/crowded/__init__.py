"""A store with a hundred thousand tasks in it, and a request for every operation: what a test of indexes and a benchmark share."""
