"""Write the golden event documents anew: `python -m tests.control.regenerate_events`; then read what changed."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.control import event_histories

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden" / "events"


def main() -> None:
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name in event_histories.HISTORIES:
        with tempfile.TemporaryDirectory(prefix="golden-") as directory:
            found = event_histories.played(name, Path(directory))
        (GOLDEN / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
