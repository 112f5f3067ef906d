"""Blob files: whole or not there, one writer at a time, resumable after the end of the process that began them."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import threading
import time
from pathlib import Path

import pytest

from ecs_emulator.registry.blobs import BlobStore, DigestMismatch, Upload, UploadBusy, UploadGone
from ecs_emulator.registry.names import Digest

NOTHING = io.BytesIO()


class Source:
    """Gives what it has, as a socket would: in pieces."""

    def __init__(self, content: bytes, *, breaks_off: bool = False) -> None:
        self._content = io.BytesIO(content)
        self._breaks_off = breaks_off

    def readinto(self, view: memoryview) -> int:
        count = self._content.readinto(view[:1000])
        if not count and self._breaks_off:
            raise ConnectionResetError("gone")
        return count


def digest_of(content: bytes, algorithm: str = "sha256") -> Digest:
    return Digest(algorithm, hashlib.new(algorithm, content).hexdigest())


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path)


def put(blobs: BlobStore, content: bytes, name: str = "upload") -> Digest:
    blobs.begin(name)
    with blobs.writing(name) as upload:
        upload.append(Source(content))
        blobs.keep(upload, digest_of(content))
    return digest_of(content)


def test_the_directory_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        BlobStore(tmp_path / "registry")
    finally:
        os.umask(before)
    assert (tmp_path / "registry").stat().st_mode & 0o777 == 0o700


def content_of(blobs: BlobStore, digest: Digest) -> bytes | None:
    file = blobs.open(digest)
    if file is None:
        return None
    with file:
        return file.read()


def files_in(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_a_blob_is_a_read_only_file_named_by_its_content(blobs: BlobStore, tmp_path: Path) -> None:
    digest = put(blobs, b"hello")
    assert files_in(tmp_path) == [f"blobs/sha256/{digest.hex[:2]}/{digest.hex}"]
    (only,) = (tmp_path / "blobs").rglob(digest.hex)
    assert only.stat().st_mode & 0o777 == 0o444
    assert content_of(blobs, digest) == b"hello"
    assert blobs.size(digest) == 5


def test_what_is_not_there_is_none(blobs: BlobStore) -> None:
    assert blobs.open(digest_of(b"x")) is None
    assert blobs.size(digest_of(b"x")) is None


def test_the_empty_blob_is_a_blob(blobs: BlobStore) -> None:
    assert content_of(blobs, put(blobs, b"")) == b""


def test_pieces_are_put_together_in_their_order(blobs: BlobStore) -> None:
    blobs.begin("u")
    for piece in (b"a" * 3000, b"b", b"c" * 5000):
        with blobs.writing("u") as upload:
            upload.append(Source(piece))
    whole = b"a" * 3000 + b"b" + b"c" * 5000
    assert blobs.offset("u") == len(whole)
    with blobs.writing("u") as upload:
        assert blobs.keep(upload, digest_of(whole)) == len(whole)
    assert content_of(blobs, digest_of(whole)) == whole


def test_a_wrong_digest_leaves_neither_blob_nor_upload(blobs: BlobStore, tmp_path: Path) -> None:
    blobs.begin("u")
    with blobs.writing("u") as upload:
        upload.append(Source(b"hello"))
        with pytest.raises(DigestMismatch, match=digest_of(b"hello").hex):
            blobs.keep(upload, digest_of(b"other"))
    assert files_in(tmp_path) == []


def test_another_process_goes_on_where_the_first_was_killed(blobs: BlobStore, tmp_path: Path) -> None:
    blobs.begin("u")
    with blobs.writing("u") as upload:
        upload.append(Source(b"first "))
    restarted = BlobStore(tmp_path)
    assert restarted.offset("u") == 6
    with restarted.writing("u") as upload:
        upload.append(Source(b"second"))
        restarted.keep(upload, digest_of(b"first second"))
    assert content_of(restarted, digest_of(b"first second")) == b"first second"


def test_what_came_before_the_client_left_stays(blobs: BlobStore) -> None:
    blobs.begin("u")
    with pytest.raises(ConnectionResetError), blobs.writing("u") as upload:
        upload.append(Source(b"x" * 2500, breaks_off=True))
    assert blobs.offset("u") == 2500
    with blobs.writing("u") as upload:
        upload.append(Source(b"y"))
        blobs.keep(upload, digest_of(b"x" * 2500 + b"y"))


def test_a_write_that_fails_leaves_the_offset_and_the_hash_in_step(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.begin("u")
    with blobs.writing("u") as upload:
        upload.append(Source(b"x" * 1000))
    real = os.write

    def half_then_full_disk(descriptor: int, part: bytes) -> int:
        real(descriptor, part[: len(part) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", half_then_full_disk)
    with pytest.raises(OSError, match="No space"), blobs.writing("u") as upload:
        upload.append(Source(b"y" * 1000))
    monkeypatch.undo()
    assert blobs.offset("u") == 1000
    with blobs.writing("u") as upload:
        blobs.keep(upload, digest_of(b"x" * 1000))


def test_two_requests_never_write_to_one_upload(blobs: BlobStore) -> None:
    blobs.begin("u")
    with blobs.writing("u"), pytest.raises(UploadBusy), blobs.writing("u"):
        pass


def test_an_upload_that_ended_is_gone(blobs: BlobStore) -> None:
    put(blobs, b"hello", "u")
    for ended in ("u", "never-was"):
        with pytest.raises(UploadGone):
            blobs.offset(ended)
        with pytest.raises(UploadGone), blobs.writing(ended):
            pass


def test_the_same_content_twice_is_one_file(blobs: BlobStore, tmp_path: Path) -> None:
    assert put(blobs, b"hello", "one") == put(blobs, b"hello", "two")
    assert len(files_in(tmp_path)) == 1


def test_many_threads_may_push_the_same_content_at_once(blobs: BlobStore, tmp_path: Path) -> None:
    threads = [threading.Thread(target=put, args=(blobs, b"hello" * 5000, f"u{number}")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files_in(tmp_path)) == 1


def test_content_can_be_named_by_sha512(blobs: BlobStore, tmp_path: Path) -> None:
    blobs.begin("u")
    digest = digest_of(b"hello", "sha512")
    with blobs.writing("u") as upload:
        upload.append(Source(b"hello"))
        blobs.keep(upload, digest)
    assert content_of(blobs, digest) == b"hello"


def test_a_durable_blob_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    rename = Path.rename

    def synced(descriptor: int) -> None:
        happened.append("fsync of " + ("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"))

    def renamed(path: Path, target: Path) -> Path:
        happened.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    put(BlobStore(tmp_path), b"hello")
    assert happened[:3] == ["fsync of file", "rename", "fsync of directory"]


def test_rewinding_forgets_the_end(blobs: BlobStore) -> None:
    blobs.begin("u")
    with blobs.writing("u") as upload:
        upload.append(Source(b"kept and not"))
        upload.rewind(4)
        assert upload.digest("sha256") == digest_of(b"kept")


def test_a_blob_stays_readable_for_whom_has_it_open(blobs: BlobStore, tmp_path: Path) -> None:
    digest = put(blobs, b"hello")
    file = blobs.open(digest)
    assert file is not None
    with file:
        assert blobs.sweep(set, now=time.time() + 7200) == 5
        assert files_in(tmp_path) == []
        assert file.read() == b"hello"


def test_a_sweep_takes_only_what_is_old_and_linked_nowhere(blobs: BlobStore) -> None:
    linked, unlinked = put(blobs, b"linked"), put(blobs, b"unlinked")

    def all_but_linked(digests: list[str]) -> set[str]:
        return set(digests) - {str(linked)}

    assert blobs.sweep(all_but_linked) == 0
    assert blobs.sweep(all_but_linked, now=time.time() + 7200) == len(b"unlinked")
    assert blobs.size(linked) is not None
    assert blobs.size(unlinked) is None


def test_asking_for_a_blob_again_makes_it_recent(blobs: BlobStore, tmp_path: Path) -> None:
    digest = put(blobs, b"hello", "one")
    (file,) = (tmp_path / "blobs").rglob(digest.hex)
    os.utime(file, (0, 0))
    put(blobs, b"hello", "two")
    assert blobs.sweep(set) == 0


def test_memory_does_not_grow_with_the_blob(tmp_path: Path) -> None:
    seen: list[int] = []

    class Endless:
        def __init__(self) -> None:
            self.left = 50 << 20

        def readinto(self, view: memoryview) -> int:
            seen.append(len(view))
            count = min(len(view), self.left)
            self.left -= count
            return count

    (tmp_path / "u").touch()
    upload = Upload(tmp_path / "u")
    upload.append(Endless())
    assert upload.offset == 50 << 20
    assert max(seen) <= 256 * 1024
