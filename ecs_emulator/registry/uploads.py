"""An upload is a conversation about one blob: begun, added to, completed or cancelled; it survives either side's death.

The record says whose it is, the file how far it is. The bytes move outside any transaction; what they mean is written
in one, after they are safe.
"""

from __future__ import annotations

from ecs_emulator.arns import World
from ecs_emulator.clock import Clock, Instant
from ecs_emulator.ids import Ids
from ecs_emulator.records.ecr import Layer, LayerUpload
from ecs_emulator.registry import errors, images
from ecs_emulator.registry.blobs import BlobStore, DigestMismatch, Source, UploadGone
from ecs_emulator.registry.names import Digest
from ecs_emulator.store import Store, Transaction

_EXPIRES_AFTER_SECONDS = 86_400.0


class OutOfOrder(Exception):
    """A chunk does not begin where the upload is; `offset` says where that is. The upload stays usable."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"the next byte is byte {offset}")
        self.offset = offset


class SizeLie(Exception):
    """A chunk has not the length that its range says."""


class Uploads:
    """Blobs on their way in. Lives as long as the server."""

    def __init__(self, store: Store, blobs: BlobStore, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._ids = ids

    def begin(self, world: World, repository_name: str) -> LayerUpload:
        """A new upload into a repository that exists."""
        upload_id = self._ids.uuid("upload")
        upload = LayerUpload(upload_id, world.account, world.region, repository_name, self._clock.now())
        with self._store.transaction() as tx:
            images.repository(tx, world, repository_name)
            self._blobs.begin(upload_id)
            tx.put(upload)
        return upload

    def mount(self, world: World, repository_name: str, source_name: str, digest: Digest) -> bool:
        """Let the repository read a blob that another one of its registry has. False: it must be uploaded."""
        with self._store.transaction() as tx:
            images.repository(tx, world, repository_name)
            layer = tx.get(Layer, world.account, world.region, source_name, str(digest))
            if layer is None:
                return False
            _link(tx, world, repository_name, digest, layer.size, self._clock.now())
        return True

    def find(self, world: World, repository_name: str, upload_id: str) -> LayerUpload:
        """The upload, if it is this repository's; else UploadNotFoundException, as for one that never was."""
        with self._store.snapshot() as tx:
            return _upload(tx, world, repository_name, upload_id)

    def offset(self, upload: LayerUpload) -> int:
        """How many bytes are here."""
        try:
            return self._blobs.offset(upload.upload_id)
        except UploadGone:
            raise _not_found(upload) from None

    def append(
        self, upload: LayerUpload, source: Source, span: range | None = None, expected: int | None = None
    ) -> int:
        """Add what the source gives, and tell the offset behind it.

        `span` is what the client says these bytes are: they must begin at the offset (OutOfOrder) and be as many
        (SizeLie). `expected` is how many will come, where that is known beforehand.
        """
        try:
            with self._blobs.writing(upload.upload_id) as open_upload:
                start = open_upload.offset
                if span is not None:
                    _refuse_gap(span, start, expected)
                open_upload.append(source, expected)
                if span is not None and open_upload.offset - start != len(span):
                    open_upload.rewind(start)
                    raise SizeLie
                return open_upload.offset
        except UploadGone:
            raise _not_found(upload) from None

    def complete(self, upload: LayerUpload, digest: Digest) -> int:
        """What arrived is this blob, and the repository may read it from now on; the size is returned.

        DigestMismatch when it is not: then the upload is over, and nothing was kept.
        """
        try:
            with self._blobs.writing(upload.upload_id) as open_upload:
                size = self._blobs.keep(open_upload, digest)
        except UploadGone:
            raise _not_found(upload) from None
        except DigestMismatch:
            self.cancel(upload)
            raise
        world = World(upload.account, upload.region)
        with self._store.transaction() as tx:
            images.repository(tx, world, upload.repository)  # it may have gone while the bytes came
            _link(tx, world, upload.repository, digest, size, self._clock.now())
            tx.delete(upload)
        return size

    def cancel(self, upload: LayerUpload) -> None:
        """Forget it; a request that still writes to it finds that out by itself."""
        with self._store.transaction() as tx:
            tx.delete(upload)
        self._blobs.drop(upload.upload_id)

    def tidy(self) -> int:
        """Drop uploads that nobody continued for a day, and blobs that no repository has; the bytes that freed.

        At start, and rarely after: it may run beside pushes.
        """
        self._expire()
        return self._blobs.sweep(self._unlinked)

    def _expire(self) -> None:
        """The files first: one that begins later has a record by then, or is not looked at."""
        idle = self._blobs.uploads()
        with self._store.transaction() as tx:
            known = {upload.upload_id: upload for upload in tx.find(LayerUpload)}
            begun = self._clock.now() - _EXPIRES_AFTER_SECONDS
            lost = [one for one in known.values() if one.upload_id not in idle and one.started_at < begun]
            left = [one for one in known.values() if idle.get(one.upload_id, 0.0) > _EXPIRES_AFTER_SECONDS]
            tx.delete(*lost, *left)
        for upload_id in idle.keys() - known.keys() | {upload.upload_id for upload in left}:
            self._blobs.drop(upload_id)

    def _unlinked(self, digests: list[str]) -> set[str]:
        with self._store.snapshot() as tx:
            return set(digests) - {layer.digest for layer in tx.find(Layer, digest=digests)}


def _upload(tx: Transaction, world: World, repository_name: str, upload_id: str) -> LayerUpload:
    found = tx.get(LayerUpload, upload_id)
    if found is None or (found.account, found.region, found.repository) != (
        world.account,
        world.region,
        repository_name,
    ):
        images.repository(tx, world, repository_name)
        raise errors.upload_not_found(upload_id, repository_name, world.account)
    return found


def _not_found(upload: LayerUpload) -> errors.UploadNotFoundException:
    return errors.upload_not_found(upload.upload_id, upload.repository, upload.account)


def _refuse_gap(span: range, offset: int, expected: int | None) -> None:
    if span.start != offset:
        raise OutOfOrder(offset)
    if expected is not None and len(span) != expected:
        raise SizeLie


def _link(tx: Transaction, world: World, repository_name: str, digest: Digest, size: int, now: Instant) -> None:
    if tx.get(Layer, world.account, world.region, repository_name, str(digest)) is None:
        tx.put(Layer(world.account, world.region, repository_name, str(digest), size, now))
