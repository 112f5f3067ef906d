"""`python -m ecs_emulator` is `ecs-emulator`."""

from __future__ import annotations

import sys

from ecs_emulator.cli import main

if __name__ == "__main__":
    sys.exit(main())
