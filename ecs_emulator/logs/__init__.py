"""CloudWatch Logs: every operation, found by its name, and the files the events live in."""
