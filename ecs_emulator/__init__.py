"""Amazon ECS and ECR on your own machine: the real API, real containers, a real registry.

Desires go down, observations come up; they meet only in `decide`:

- `ecs/ ecr/ logs/`   every AWS operation is one function and one transaction; it writes what is wanted
- `store`             frozen records, one write lock, durable
- `control/`          one loop: observe, decide (pure), record, act
- `agent/`            the ECS agent: Docker, or simulated; it reports what runs
- `http/`             the doors, without state of their own
- `app`               where they are introduced to each other
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecs_emulator.app import Emulator

__version__ = "0.1.0"


def start(**settings: Any) -> Emulator:
    """An emulator in this process, on a free port: `with ecs_emulator.start() as e: e.client("ecs")`.

    Ephemeral unless `data_dir` is given; every member of `config.Config` is a keyword.
    """
    from ecs_emulator.app import start as start_in_process

    return start_in_process(**settings)
