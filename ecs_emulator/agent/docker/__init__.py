"""The agent on a real Docker engine."""
