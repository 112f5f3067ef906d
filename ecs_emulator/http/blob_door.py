"""Everything under `/v2/<name>/blobs/`: bytes go from the socket to the file and back, and never gather in between.

It stands before WSGI, because there a body can be read as it comes. What it does not know: what the bytes are.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from email.message import Message
from typing import BinaryIO
from urllib.parse import unquote

from ecs_emulator.arns import World
from ecs_emulator.http import oci_refusals
from ecs_emulator.http.exchange import BodyCut, Exchange
from ecs_emulator.http.oci_entrance import Entrance
from ecs_emulator.http.oci_refusals import VERSION, Refusal
from ecs_emulator.records.ecr import Layer, LayerUpload
from ecs_emulator.registry import images, names
from ecs_emulator.registry.blobs import BlobStore
from ecs_emulator.registry.names import Digest
from ecs_emulator.registry.uploads import OutOfOrder, Uploads
from ecs_emulator.store import Store

# A name may contain the words `blobs` and `uploads`, so both are looked for from the right.
_UPLOADS = re.compile(r"/v2/(?P<name>.+)/blobs/uploads/?")
_UPLOAD = re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<upload_id>[^/]+)")
_BLOB = re.compile(r"/v2/(?P<name>.+)/blobs/(?P<digest>[^/]+)")
_SPAN = re.compile(r"(?:bytes[ =])?(\d{1,19})-(\d{1,19})(?:/(?:\d+|\*))?")
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")

Headers = list[tuple[str, str]]


class BlobDoor:
    """Serves blobs and their uploads. Lives as long as the server, and holds no state of its own."""

    def __init__(self, store: Store, blobs: BlobStore, uploads: Uploads, entrance: Entrance) -> None:
        self._store = store
        self._blobs = blobs
        self._uploads = uploads
        self._entrance = entrance

    def takes(self, path: str, headers: Message) -> bool:
        """Whether this is a path of a blob or an upload."""
        if "/blobs/" not in path or not path.startswith("/v2/"):
            return False
        path = unquote(path.partition("?")[0])
        return any(form.fullmatch(path) for form in (_BLOB, _UPLOAD, _UPLOADS))

    def serve(self, exchange: Exchange) -> None:
        """Answer one request, whatever happens; only a client that left is left alone."""
        try:
            authorization, host = exchange.headers.get("Authorization"), exchange.headers.get("Host")
            world = self._entrance.admit(authorization, host).world
            self._route(exchange, world)
        except (BodyCut, ConnectionError, TimeoutError):
            raise  # nobody is there to answer
        except Exception as error:  # the root of a request
            if exchange.answered:
                raise
            refusal = oci_refusals.refusal(error)
            exchange.answer(refusal.status, refusal.headers, refusal.content)

    def tidy(self) -> int:
        """Drop what nobody continued or refers to; at start, and rarely after. The bytes that freed."""
        return self._uploads.tidy()

    def _route(self, exchange: Exchange, world: World) -> None:
        if match := _UPLOADS.fullmatch(exchange.path):
            self._begin(exchange, world, _name(match["name"]))
        elif match := _UPLOAD.fullmatch(exchange.path):
            self._continue(exchange, self._uploads.find(world, _name(match["name"]), match["upload_id"]))
        elif match := _BLOB.fullmatch(exchange.path):
            self._blob(exchange, world, _name(match["name"]), _digest(match["digest"]))
        else:
            raise Refusal(404, "UNSUPPORTED", f"there is nothing at {exchange.path}")

    # --- uploads ------------------------------------------------------------------------------------------------------

    def _begin(self, exchange: Exchange, world: World, name: str) -> None:
        if exchange.method != "POST":
            raise oci_refusals.unsupported(exchange.method)
        if "mount" in exchange.query and self._mounted(exchange, world, name):
            return
        digest = _digest(exchange.query["digest"]) if "digest" in exchange.query else None
        upload = self._uploads.begin(world, name)
        if digest is None:
            exchange.answer(202, _progress(upload, 0))
            return
        self._uploads.append(upload, exchange.body, expected=exchange.body.length)
        self._complete(exchange, upload, digest)

    def _mounted(self, exchange: Exchange, world: World, name: str) -> bool:
        digest, source = names.digest(exchange.query["mount"]), exchange.query.get("from")
        if digest is None or source is None or not self._uploads.mount(world, name, source, digest):
            return False  # never an error: the client uploads it then
        exchange.answer(201, _created(name, digest))
        return True

    def _continue(self, exchange: Exchange, upload: LayerUpload) -> None:
        verbs: dict[str, Callable[[Exchange, LayerUpload], None]] = {
            "PATCH": self._add,
            "PUT": self._finish,
            "GET": self._tell,
            "HEAD": self._tell,
            "DELETE": self._cancel,
        }
        if exchange.method not in verbs:
            raise oci_refusals.unsupported(exchange.method)
        try:
            verbs[exchange.method](exchange, upload)
        except OutOfOrder as error:
            refusal = oci_refusals.refusal(error)
            exchange.answer(refusal.status, refusal.headers + _progress(upload, error.offset)[1:], refusal.content)

    def _add(self, exchange: Exchange, upload: LayerUpload) -> None:
        offset = self._uploads.append(upload, exchange.body, _span(exchange), exchange.body.length)
        exchange.answer(202, _progress(upload, offset))

    def _finish(self, exchange: Exchange, upload: LayerUpload) -> None:
        digest = _digest(exchange.query.get("digest", ""))
        if not exchange.body.finished:
            self._uploads.append(upload, exchange.body, _span(exchange), exchange.body.length)
        self._complete(exchange, upload, digest)

    def _complete(self, exchange: Exchange, upload: LayerUpload, digest: Digest) -> None:
        self._uploads.complete(upload, digest)
        exchange.answer(201, _created(upload.repository, digest))

    def _tell(self, exchange: Exchange, upload: LayerUpload) -> None:
        exchange.answer(204, _progress(upload, self._uploads.offset(upload)))

    def _cancel(self, exchange: Exchange, upload: LayerUpload) -> None:
        self._uploads.cancel(upload)
        exchange.answer(204, [VERSION])

    # --- blobs --------------------------------------------------------------------------------------------------------

    def _blob(self, exchange: Exchange, world: World, name: str, digest: Digest) -> None:
        if exchange.method not in ("GET", "HEAD"):
            raise oci_refusals.unsupported(exchange.method)  # ECR deletes layers with their images, never alone
        file = self._readable(world, name, digest)
        if file is None:
            raise Refusal(404, "BLOB_UNKNOWN", "blob unknown to registry")
        with contextlib.closing(file):
            _send(exchange, file, digest)

    def _readable(self, world: World, name: str, digest: Digest) -> BinaryIO | None:
        """The blob, if this repository may read it: that another one has it is nobody's business here."""
        with self._store.snapshot() as tx:
            if tx.get(Layer, world.account, world.region, name, str(digest)) is None:
                images.repository(tx, world, name)
                return None
        return self._blobs.open(digest)


def _send(exchange: Exchange, file: BinaryIO, digest: Digest) -> None:
    size = os.fstat(file.fileno()).st_size
    headers: Headers = [
        VERSION,
        ("Content-Type", "application/octet-stream"),
        ("Docker-Content-Digest", str(digest)),
        ("ETag", f'"{digest}"'),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", "max-age=31536000"),
    ]
    wanted = _wanted(exchange.headers.get("Range"), size)
    if wanted is None:
        exchange.answer_with_file(200, headers, file, 0, size)
    elif not wanted:
        raise Refusal(416, "SIZE_INVALID", "the range is outside the blob", [("Content-Range", f"bytes */{size}")])
    else:
        headers.append(("Content-Range", f"bytes {wanted.start}-{wanted.stop - 1}/{size}"))
        exchange.answer_with_file(206, headers, file, wanted.start, len(wanted))


def _wanted(header: str | None, size: int) -> range | None:
    """The bytes of a Range header: None is all of them, an empty range is one that can't be served.

    Of 1000 bytes, `bytes=500-` is 500..999, `bytes=-200` is 800..999, `bytes=900-5000` is 900..999, `bytes=1000-` none.
    Several ranges, or what is no range of bytes, ask for the whole.
    """
    match = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if not last:
        return range(int(first), size)
    return range(int(first), min(int(last) + 1, size))


def _span(exchange: Exchange) -> range | None:
    """Which bytes of the blob the body says it is; None: those that come next."""
    header = exchange.headers.get("Content-Range")
    if header is None:
        return None
    match = _SPAN.fullmatch(header.strip())
    if match is None or int(match[1]) > int(match[2]):
        raise Refusal(400, "BLOB_UPLOAD_INVALID", f"'{header}' is no range of bytes")
    return range(int(match[1]), int(match[2]) + 1)


def _progress(upload: LayerUpload, offset: int) -> Headers:
    return [
        VERSION,
        ("Location", f"/v2/{upload.repository}/blobs/uploads/{upload.upload_id}"),
        ("Range", f"0-{max(0, offset - 1)}"),
        ("Docker-Upload-UUID", upload.upload_id),
    ]


def _created(name: str, digest: Digest) -> Headers:
    return [VERSION, ("Location", f"/v2/{name}/blobs/{digest}"), ("Docker-Content-Digest", str(digest))]


def _name(text: str) -> str:
    if not names.is_repository_name(text):
        raise oci_refusals.name_invalid(text)
    return text


def _digest(text: str) -> Digest:
    found = names.digest(text)
    if found is None:
        raise oci_refusals.digest_invalid(text)
    return found
