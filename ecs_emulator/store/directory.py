"""One server at a time owns a data directory: a lock that dies with its process says who."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

EPHEMERAL_PREFIX = "ecs-emulator-"
LOCK = "lock"
STATE = "state.sqlite3"
OURS = (STATE, f"{STATE}-wal", f"{STATE}-shm", f"{STATE}-journal", "registry", "logs")
"""Everything that a server keeps in its directory, beside the lock."""


class DataDirInUse(Exception):
    """Another server runs on this data directory; the message is one sentence for the user."""


class DataDir:
    """A directory that is ours until `release`. Lives as long as the server."""

    def __init__(self, path: Path, *, ephemeral: bool = False) -> None:
        """Take the directory, made if need be. Raises DataDirInUse, or OSError where it cannot be written."""
        self.path = path
        self.ephemeral = ephemeral
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._file, 100, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise DataDirInUse(f"a server already runs on {path} (process {owner})") from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    @classmethod
    def new_ephemeral(cls) -> DataDir:
        """A private directory of this server's own, removed at its end."""
        return cls(Path(tempfile.mkdtemp(prefix=EPHEMERAL_PREFIX)), ephemeral=True)

    def release(self) -> None:
        """Let another have it; an ephemeral one goes."""
        if self.ephemeral:
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._file)


def remove(directory: DataDir) -> list[str]:
    """Remove what a server keeps in its directory, under its lock; the names of what is somebody else's, and stays."""
    for name in OURS:
        path = directory.path / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    left = sorted(path.name for path in directory.path.iterdir() if path.name != LOCK)
    (directory.path / LOCK).unlink()
    if not left:
        directory.path.rmdir()
    directory.release()
    return left


def orphans() -> Iterator[Path]:
    """Ephemeral directories whose server died without removing them; those of another user are not ours to judge."""
    for path in sorted(Path(tempfile.gettempdir()).glob(f"{EPHEMERAL_PREFIX}*")):
        if _locked(path) is False:
            yield path


def in_use(path: Path) -> bool:
    """Whether a server runs on this directory now."""
    return _locked(path) is True


def _locked(path: Path) -> bool | None:
    """Whether a server holds the directory's lock; None where there is none that we may look at."""
    try:
        file = os.open(path / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
