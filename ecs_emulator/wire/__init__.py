"""AWS JSON 1.1 as the service models describe it; nothing here knows what a cluster or a repository is."""
