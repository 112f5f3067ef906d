"""Pure facts of ECS, used by operations and by the loop alike."""
