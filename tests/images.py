"""Images from nothing but a static busybox: a copy of `fixtures/images/<name>` is built, no registry is asked."""

from __future__ import annotations

import shutil
import stat
import struct
from pathlib import Path

from tests.environment import ROOT, TOOLS

FIXTURES = ROOT / "fixtures"
BUSYBOX = (TOOLS / "busybox", Path("/bin/busybox"), Path("/usr/bin/busybox"))
APPLETS = ("sh", "cat", "echo", "false", "sleep", "true", "wget")
"""What a health check or a command of a task definition may call by its own name."""

PT_INTERP = 3


class NoBusyboxError(Exception):
    """The machine has no static busybox; `.ci/clients` gets one."""


def static_busybox() -> Path:
    for path in BUSYBOX:
        if path.is_file() and is_static(path.read_bytes()[:4096]):
            return path.resolve()
    raise NoBusyboxError("A static busybox is missing: `make test` and `make demo` get one (Debian: busybox-static).")


def is_static(start: bytes) -> bool:
    """A 64-bit ELF without an interpreter among its program headers."""
    if start[:5] != b"\x7fELF\x02":
        return False
    offset, size, count = struct.unpack_from("<Q", start, 32)[0], *struct.unpack_from("<HH", start, 54)
    return all(struct.unpack_from("<I", start, offset + size * row)[0] != PT_INTERP for row in range(count))


def build_context(name: str, into: Path) -> Path:
    """A copy of the fixture with busybox and its applets; readable inside the image whatever the user's umask."""
    context = into / name
    shutil.copytree(FIXTURES / "images" / name, context)
    programs = context / "rootfs" / "bin"
    shutil.copyfile(static_busybox(), programs / "busybox")
    for applet in APPLETS:
        (programs / applet).symlink_to("busybox")
    for path in [context, *context.rglob("*")]:
        if not path.is_symlink():
            executable = path.is_dir() or path.parent == programs
            path.chmod(stat.S_IRWXU | 0o055 if executable else 0o644)
    return context
