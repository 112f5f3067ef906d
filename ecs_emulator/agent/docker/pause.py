"""The pause image is 188 bytes of program, written by hand: nothing is downloaded, and its id is a constant.

The program ignores SIGCHLD, so that the kernel reaps whatever it adopts, and sleeps for ever. An image's id is the
SHA-256 of its configuration, and nothing in this one depends on when or where it is made.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from dataclasses import dataclass

from ecs_emulator.agent.docker.engine import Engine, Machine
from ecs_emulator.agent.names import LABEL_SHARED

TAG = "ecs-emulator-pause:1"
LOADED_AT = 0x400000
HEADERS = 64 + 56
EPOCH = "2024-01-01T00:00:00Z"

SIGCHLD = 17
IGNORE_IT = struct.pack("<4Q", 1, 0, 0, 0)
"""The kernel's sigaction: handler SIG_IGN, no flags, no restorer, an empty mask."""

AMD64 = (
    b"\xb8\x0d\x00\x00\x00"  # mov eax, 13          rt_sigaction(
    b"\xbf\x11\x00\x00\x00"  # mov edi, 17            SIGCHLD,
    b"\x48\x8d\x35\x13\x00\x00\x00"  # lea rsi, [rip+19]      the sigaction behind the code,
    b"\x31\xd2"  # xor edx, edx           no old one,
    b"\x41\xba\x08\x00\x00\x00"  # mov r10d, 8            8 bytes of mask)
    b"\x0f\x05"  # syscall
    b"\xb8\x22\x00\x00\x00"  # mov eax, 34          pause()
    b"\x0f\x05"  # syscall
    b"\xeb\xf7"  # jmp -9               again
)
ARM64 = struct.pack(
    "<14I",
    0xD28010C8,  # mov x8, #134         rt_sigaction(
    0xD2800220,  # mov x0, #17            SIGCHLD,
    0x10000181,  # adr x1, #48            the sigaction behind the code,
    0xD2800002,  # mov x2, #0             no old one,
    0xD2800103,  # mov x3, #8             8 bytes of mask)
    0xD4000001,  # svc #0
    0xD2800000,  # mov x0, #0           ppoll(0, 0, 0, 0, 0): arm64 has no pause
    0xD2800001,  # mov x1, #0
    0xD2800002,  # mov x2, #0
    0xD2800003,  # mov x3, #0
    0xD2800004,  # mov x4, #0
    0xD2800928,  # mov x8, #73
    0xD4000001,  # svc #0
    0x17FFFFF9,  # b -28                again
)
MACHINES = {"amd64": (62, AMD64), "arm64": (183, ARM64)}
"""The ELF number of each architecture, and the program for it."""
KERNEL_NAMES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class PauseImage:
    """The image of one architecture. Lives for ever: it never changes."""

    id: str
    archive: bytes
    """What `POST /images/load` takes."""


def for_machine(machine: Machine) -> PauseImage:
    """The pause image that this machine runs; an unknown one is taken for amd64, and the engine says what it thinks."""
    return pause_image(KERNEL_NAMES.get(machine.architecture, "amd64"))


def pause_image(architecture: str) -> PauseImage:
    """The image with its id: `amd64` or `arm64`."""
    layer = _tar({"pause": (program(architecture), 0o755)})
    config = _json(
        {
            "architecture": architecture,
            "os": "linux",
            "created": EPOCH,
            # A process with id 1 and no handler does not hear SIGTERM: every stop would wait its ten seconds.
            "config": {"Entrypoint": ["/pause"], "StopSignal": "SIGKILL", "Labels": {LABEL_SHARED: "true"}},
            "history": [{"created": EPOCH, "created_by": "ecs-emulator"}],
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        }
    )
    digest = hashlib.sha256(config).hexdigest()
    manifest = _json([{"Config": f"{digest}.json", "RepoTags": [TAG], "Layers": ["layer.tar"]}])
    files = {f"{digest}.json": config, "layer.tar": layer, "manifest.json": manifest}
    return PauseImage(f"sha256:{digest}", _tar({name: (content, 0o644) for name, content in files.items()}))


def load(engine: Engine, image: PauseImage) -> None:
    """Have it on the engine. Raises RuntimeError where the engine made something else of it."""
    engine.load(image.archive)
    if engine.image(image.id) is None:
        raise RuntimeError(f"the engine loaded the pause image under another id than {image.id}")


def program(architecture: str) -> bytes:
    """A whole static ELF file: one header, one loaded segment, the code and its one datum."""
    number, code = MACHINES[architecture]
    size = HEADERS + len(code) + len(IGNORE_IT)
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)  # 64 bits, little endian, version 1
    entry = LOADED_AT + HEADERS
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, 2, number, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, LOADED_AT, LOADED_AT, size, size, 0x1000)  # readable and executable
    return header + segment + code + IGNORE_IT


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    """A tar archive that is the same whoever makes it, whenever."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), mode, 0
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
