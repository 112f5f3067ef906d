"""A blob is a file named by its content: written once beside, made durable, then renamed into place, never changed.

    blobs/sha256/ab/<hex>    content, mode 0444, shared by every repository of every account
    uploads/<uuid>           what arrived of one upload so far; its size is its offset

Lives only here: these files. What it does not know: repositories, and who may read what; that is in the store.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from ecs_emulator.registry.names import Digest

_BUFFER = 256 * 1024  # a processor's cache holds it: larger ones cost more than they give
_WRITTEN_BACK = 8 << 20  # the disk begins with so many bytes while the next ones come
_SYNC_FILE_RANGE_WRITE = 2
_RECENT_SECONDS = 3600.0  # a file that came or was asked for within this time may be about to be linked


class Source(Protocol):
    """Where the bytes of an upload come from."""

    def readinto(self, view: memoryview, /) -> int:
        """Fill `view` as far as possible; 0 is the end."""


class UploadGone(Exception):
    """No file holds this upload."""


class UploadBusy(Exception):
    """Another request is writing to this upload: bytes of two never mix."""


class DigestMismatch(Exception):
    """The content is not what its digest says; the message is the digest it has."""


class Upload:
    """The bytes of one upload so far, and their hash. Lives from its first byte to its commit, or to the next start."""

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self.path = path
        self._durable = durable
        self.writing = threading.Lock()
        self.offset = 0
        self._hash = hashlib.sha256()
        self._adopt()

    def append(self, source: Source, expected: int | None = None) -> None:
        """Write what the source gives behind what is here; when it breaks off, what came until then stays.

        `expected` bytes are a hint, for the size of the buffer.
        """
        space = bytearray(min(_BUFFER, _BUFFER if expected is None else max(expected, 1)))
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            with memoryview(space) as view:
                while count := source.readinto(view):
                    self._take(descriptor, view[:count])
        finally:
            os.ftruncate(descriptor, self.offset)  # half a buffer on a full disk would not be in the hash
            os.close(descriptor)

    def rewind(self, offset: int) -> None:
        """Forget what came behind `offset`."""
        os.truncate(self.path, offset)
        self._hash, self.offset = hashlib.sha256(), 0
        self._adopt()

    def digest(self, algorithm: str) -> Digest:
        """What the content is called so far."""
        if algorithm == "sha256":
            return Digest(algorithm, self._hash.hexdigest())
        with self.path.open("rb") as file:
            return Digest(algorithm, hashlib.file_digest(file, algorithm).hexdigest())

    def _take(self, descriptor: int, part: memoryview) -> None:
        written = os.write(descriptor, part)
        while written < len(part):
            written += os.write(descriptor, part[written:])
        self._hash.update(part)
        before, self.offset = self.offset, self.offset + len(part)
        if self._durable and before // _WRITTEN_BACK != self.offset // _WRITTEN_BACK:
            _start_writing_back(descriptor, before // _WRITTEN_BACK * _WRITTEN_BACK)

    def _adopt(self) -> None:
        """Hash what an earlier process received: once, so that the rest is hashed as it comes."""
        try:
            with self.path.open("rb", buffering=0) as file:
                while part := file.read(_BUFFER):
                    self._hash.update(part)
                    self.offset += len(part)
        except FileNotFoundError:
            raise UploadGone(self.path.name) from None


class BlobStore:
    """The files of all blobs and uploads. Lives as long as the server; one process at a time owns the directory."""

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        self._blobs = directory / "blobs"
        self._uploads = directory / "uploads"
        self._durable = durable
        self._open_uploads: dict[str, Upload] = {}
        self._naming = threading.Lock()  # held while a name comes or goes, never while bytes move
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for made in (self._blobs / "sha256", self._blobs / "sha512", self._uploads):
            made.mkdir(parents=True, exist_ok=True)

    def open(self, digest: Digest) -> BinaryIO | None:
        """The content, to be read; it stays readable when it is removed meanwhile."""
        try:
            return self._path(digest).open("rb", buffering=0)
        except FileNotFoundError:
            return None

    def size(self, digest: Digest) -> int | None:
        try:
            return self._path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def begin(self, upload_id: str) -> None:
        """Make room for an upload."""
        (self._uploads / upload_id).touch(exist_ok=False)

    def offset(self, upload_id: str) -> int:
        """How many bytes of an upload are here."""
        try:
            return (self._uploads / upload_id).stat().st_size
        except FileNotFoundError:
            raise UploadGone(upload_id) from None

    @contextlib.contextmanager
    def writing(self, upload_id: str) -> Iterator[Upload]:
        """The upload, for one writer at a time; a second one is told `UploadBusy`."""
        upload = self._open_uploads.get(upload_id)
        if upload is None:
            made = Upload(self._uploads / upload_id, durable=self._durable)
            upload = self._open_uploads.setdefault(upload_id, made)
        if not upload.writing.acquire(blocking=False):
            raise UploadBusy(upload_id)
        try:
            if not upload.path.exists():  # it ended between the look and the lock
                raise UploadGone(upload_id)
            yield upload
        finally:
            upload.writing.release()

    def keep(self, upload: Upload, digest: Digest) -> int:
        """Give the upload's content its name, for good; the upload is over. The size is returned.

        When this returns the content survives a power cut. The caller links it afterwards: a crash between the two
        leaves a file that nobody refers to, never a reference to a file that is not there.
        """
        calculated = upload.digest(digest.algorithm)
        if calculated != digest:
            self.drop(upload.path.name)
            raise DigestMismatch(str(calculated))
        target = self._path(digest)
        if self._present(target):
            self.drop(upload.path.name)
            return upload.offset
        upload.path.chmod(0o444)
        os.utime(upload.path)  # recent again: its last byte may have come long ago
        self._sync(upload.path)
        new_directory = self._make_directory(target.parent)
        with self._naming:
            upload.path.rename(target)
        self._sync(target.parent)
        if new_directory:
            self._sync(target.parent.parent)
        self._open_uploads.pop(upload.path.name, None)
        return upload.offset

    def drop(self, upload_id: str) -> None:
        """Forget an upload and what arrived of it."""
        self._open_uploads.pop(upload_id, None)
        (self._uploads / upload_id).unlink(missing_ok=True)

    def uploads(self) -> dict[str, float]:
        """Every upload that has a file, and how many seconds ago the last of it came: none where one is written to."""
        now = time.time()
        found = {}
        for path in sorted(self._uploads.iterdir()):
            upload = self._open_uploads.get(path.name)
            with contextlib.suppress(FileNotFoundError):  # it ended just now
                written = upload is not None and upload.writing.locked()
                found[path.name] = 0.0 if written else now - path.stat().st_mtime
        return found

    def sweep(self, unlinked: Callable[[list[str]], set[str]], now: float | None = None) -> int:
        """Remove the blobs that nothing refers to, but for recent ones; how many bytes that freed.

        `unlinked` is given the digests of one directory and answers with those that no record names.
        """
        before = (time.time() if now is None else now) - _RECENT_SECONDS
        freed = 0
        for directory in sorted(self._blobs.glob("*/*")):
            named = {f"{directory.parent.name}:{path.name}": path for path in directory.iterdir()}
            for digest in unlinked(list(named)) if named else ():
                freed += self._remove_if_older(named[digest], before)
        return freed

    def _remove_if_older(self, path: Path, before: float) -> int:
        with self._naming:  # else an upload of the same content could find it present in this very moment
            found = path.stat()
            if found.st_mtime >= before:
                return 0
            path.unlink()
            return found.st_size

    def _present(self, target: Path) -> bool:
        """Whether this content is here already; if so it counts as recent."""
        with self._naming:
            try:
                os.utime(target)
            except FileNotFoundError:
                return False
            return True

    def _path(self, digest: Digest) -> Path:
        return self._blobs / digest.algorithm / digest.hex[:2] / digest.hex

    def _make_directory(self, directory: Path) -> bool:
        if directory.is_dir():
            return False
        directory.mkdir(parents=True, exist_ok=True)
        return True

    def _sync(self, path: Path) -> None:
        if not self._durable:
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _start_writing_back(descriptor: int, offset: int) -> None:
    """Have the disk begin now, so that the fsync at the end waits for little. Nothing depends on it."""
    if (start := _sync_file_range()) is not None:
        start(descriptor, offset, _WRITTEN_BACK, _SYNC_FILE_RANGE_WRITE)


@functools.cache
def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    """Linux's sync_file_range(2), which Python does not offer; None elsewhere."""
    import ctypes

    try:
        function = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return function
