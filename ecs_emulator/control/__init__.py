"""The only thing that moves: observe, decide, record, act."""
