"""`make demo`: the main job told step by step, by clients that do not know they talk to an emulator."""
