"""What the user's shell says about AWS, proxies and the emulator is not about the tests: here it is taken away."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".cache" / "bin"
"""Where the set-up links the clients it chose: an AWS CLI, a static busybox."""

LOCAL = ("127.0.0.1", "localhost", "169.254.170.2")
FOREIGN = ("AWS_", "ECS_EMULATOR_", "BOTO_")
OWN = ("ECS_EMULATOR_TEST_",)
MISLEADING = ("PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS", "DOCKER_DEFAULT_PLATFORM", "DOCKER_CONTENT_TRUST")


def calm(environ: Mapping[str, str]) -> dict[str, str]:
    """The same environment without settings that would send a client elsewhere; everything local goes past a proxy."""
    kept = {name: value for name, value in environ.items() if not misleading(name)}
    for name in ("no_proxy", "NO_PROXY"):
        kept[name] = ",".join(dict.fromkeys([*filter(None, environ.get(name, "").split(",")), *LOCAL]))
    kept["AWS_CONFIG_FILE"] = kept["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    kept["AWS_EC2_METADATA_DISABLED"] = "true"
    kept["AWS_PAGER"] = ""
    path = environ.get("PATH", os.defpath).split(os.pathsep)
    kept["PATH"] = os.pathsep.join(dict.fromkeys([str(TOOLS), *path]))
    return kept


def misleading(name: str) -> bool:
    return name in MISLEADING or (name.startswith(FOREIGN) and not name.startswith(OWN))
