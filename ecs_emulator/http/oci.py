"""The registry's small requests, under `/v2/`: manifests, tags, the catalog. Blobs have their own door, before WSGI.

Bound to full paths: mount it where the path still begins with `/v2`. What it does not know: how anything is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from ecs_emulator.arns import World
from ecs_emulator.clock import Clock
from ecs_emulator.config import Config
from ecs_emulator.http import oci_refusals
from ecs_emulator.http.blob_door import BlobDoor
from ecs_emulator.http.oci_entrance import Entrance
from ecs_emulator.http.oci_refusals import VERSION, Refusal
from ecs_emulator.ids import Ids
from ecs_emulator.records.ecr import Image, ImageTag, Repository
from ecs_emulator.registry import errors, images, manifests, names, tokens
from ecs_emulator.registry.blobs import BlobStore
from ecs_emulator.registry.manifests import Manifest
from ecs_emulator.registry.names import Digest
from ecs_emulator.registry.uploads import Uploads
from ecs_emulator.store import Store, Transaction

_MANIFEST = re.compile(r"(?P<name>.+)/manifests/(?P<reference>[^/]+)")
_TAGS = re.compile(r"(?P<name>.+)/tags/list")
_REFERRERS = re.compile(r"(?P<name>.+)/referrers/(?P<digest>[^/]+)")

_DEFAULT_PAGE = 100
_LARGEST_PAGE = 1000
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class _Page(NamedTuple):
    """What `?n=&last=` asks for; `last` need not exist."""

    size: int
    after: str | None


def mount(app: Flask, store: Store, clock: Clock, config: Config, real_clock: Clock | None = None) -> BlobDoor:
    """Add the registry to an application; the answer is its other half, that the server asks before WSGI.

    `clock` tells when images were pushed and pulled; a login counts by `real_clock` where that is another, as its client does.
    """
    anonymous = World(config.account, config.region) if config.registry_anonymous else None
    entrance = Entrance(tokens.ensure_signing_key(store), real_clock or clock, anonymous, config.allowed_hosts)
    app.register_blueprint(create_routes(store, entrance, clock))
    blobs = BlobStore(config.data_dir / "registry", durable=not config.ephemeral)
    return BlobDoor(store, blobs, Uploads(store, blobs, clock, Ids()), entrance)


def create_routes(store: Store, entrance: Entrance, clock: Clock) -> Blueprint:
    """The routes under `/v2/`; they hold no state."""
    routes = Blueprint("oci", __name__)
    door = _Door(store, entrance, clock)

    @routes.route("/v2", methods=_METHODS, strict_slashes=False)
    @routes.route("/v2/", methods=_METHODS, strict_slashes=False)
    @routes.route("/v2/<path:rest>", methods=_METHODS, strict_slashes=False)
    def registry(rest: str = "") -> Response:
        return door.answer(rest)

    @routes.errorhandler(Exception)
    def refused(error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.code is not None:
            error = Refusal(error.code, "UNSUPPORTED", error.description or error.name)
        refusal = oci_refusals.refusal(error)
        return Response(refusal.content, refusal.status, refusal.headers)

    return routes


class _Door:
    """Answers one request at a time, on any thread. Lives as long as its routes."""

    def __init__(self, store: Store, entrance: Entrance, clock: Clock) -> None:
        self._store = store
        self._entrance = entrance
        self._clock = clock

    def answer(self, rest: str) -> Response:
        world = self._entrance.admit(request.headers.get("Authorization"), request.headers.get("Host")).world
        if not rest:
            return _json({})
        if rest == "_catalog":
            return self._catalog(world)
        if match := _MANIFEST.fullmatch(rest):
            return self._manifest(world, _name(match["name"]), match["reference"])
        if match := _TAGS.fullmatch(rest):
            return self._tags(world, _name(match["name"]))
        if match := _REFERRERS.fullmatch(rest):
            return self._referrers(world, _name(match["name"]), _digest(match["digest"]))
        raise Refusal(404, "UNSUPPORTED", f"there is nothing at /v2/{rest}")

    # --- manifests ----------------------------------------------------------------------------------------------------

    def _manifest(self, world: World, name: str, reference: str) -> Response:
        verbs: dict[str, Callable[[World, str, str], Response]] = {
            "GET": self._get_manifest,
            "HEAD": self._get_manifest,
            "PUT": self._put_manifest,
            "DELETE": self._delete_manifest,
        }
        if request.method not in verbs:
            raise oci_refusals.unsupported(request.method)
        _check_reference(reference)
        return verbs[request.method](world, name, reference)

    def _get_manifest(self, world: World, name: str, reference: str) -> Response:
        with self._store.snapshot() as tx:
            image = _image(tx, images.repository(tx, world, name), reference)
            content = images.content(tx, image)
        if request.method == "GET":
            self._remember_pull(image)
        headers = [("Docker-Content-Digest", image.digest), ("ETag", f'"{image.digest}"'), VERSION]
        return Response(content, 200, headers, content_type=image.media_type)

    def _remember_pull(self, image: Image) -> None:
        """Write only when there is something new to say: a pull is a read, and must not queue for the write lock."""
        now = self._clock.now()
        if images.was_just_pulled(image, now):
            return
        with self._store.transaction() as tx:
            current = tx.get(Image, image.account, image.region, image.repository, image.digest)
            if current is not None:
                images.pulled(tx, current, now)

    def _put_manifest(self, world: World, name: str, reference: str) -> Response:
        manifest = manifests.read(_small_body(), request.content_type)
        named = names.digest(reference)
        digest = manifest.digest(named.algorithm if named else "sha256")
        with self._store.transaction() as tx:
            repository = images.repository(tx, world, name)
            if named is not None and named != digest:
                raise errors.digest_does_not_match(repository, reference)
            self._put(tx, repository, manifest, digest, None if named else reference)
        headers = [("Location", f"/v2/{name}/manifests/{digest}"), ("Docker-Content-Digest", str(digest)), VERSION]
        if manifest.subject is not None:
            headers.append(("OCI-Subject", manifest.subject))
        return _empty(201, headers)

    def _put(
        self, tx: Transaction, repository: Repository, manifest: Manifest, digest: Digest, tag: str | None
    ) -> None:
        try:
            images.put_image(tx, repository, manifest, digest, tag, self._clock.now())
        except errors.ImageAlreadyExistsException:
            return  # what was asked for is so: to docker that is no error

    def _delete_manifest(self, world: World, name: str, reference: str) -> Response:
        with self._store.transaction() as tx:
            repository = images.repository(tx, world, name)
            image = _image(tx, repository, reference)
            if names.digest(reference) is None:
                images.remove_tag(tx, repository, reference)
            elif lists := images.lists_naming(tx, image):
                raise Refusal(405, "UNSUPPORTED", f"Requested image referenced by manifest list: [{', '.join(lists)}]")
            else:
                images.remove_image(tx, image)
        return _empty(202, [VERSION])

    # --- listings -----------------------------------------------------------------------------------------------------

    def _tags(self, world: World, name: str) -> Response:
        _only_read()
        page = _page()
        with self._store.snapshot() as tx:
            repository = images.repository(tx, world, name)
            found = tx.find(
                ImageTag,
                account=repository.account,
                region=repository.region,
                repository=name,
                order="tag",
                after=None if page.after is None else (page.after,),
                limit=page.size + 1,
            )
        return _listing({"name": name}, "tags", [each.tag for each in found], page)

    def _catalog(self, world: World) -> Response:
        _only_read()
        page = _page()
        with self._store.snapshot() as tx:
            found = tx.find(
                Repository,
                account=world.account,
                region=world.region,
                order="name",
                after=None if page.after is None else (page.after,),
                limit=page.size + 1,
            )
        return _listing({}, "repositories", [each.name for each in found], page)

    def _referrers(self, world: World, name: str, subject: Digest) -> Response:
        _only_read()
        wanted = request.args.get("artifactType")
        with self._store.snapshot() as tx:
            found = images.referrers(tx, images.repository(tx, world, name), str(subject))
            listed = [_referrer(tx, image) for image in found if wanted in (None, image.artifact_type)]
        document = {"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": listed}
        response = _json(document, manifests.OCI_INDEX)
        if wanted is not None:
            response.headers["OCI-Filters-Applied"] = "artifactType"
        return response


def _image(tx: Transaction, repository: Repository, reference: str) -> Image:
    tag, digest = (None, reference) if names.digest(reference) else (reference, None)
    image = images.find_image(tx, repository, digest=digest, tag=tag)
    if image is None:
        raise Refusal(404, "MANIFEST_UNKNOWN", "Requested image not found")
    return image


def _referrer(tx: Transaction, image: Image) -> dict[str, Any]:
    described: dict[str, Any] = {"mediaType": image.media_type, "size": image.manifest_size, "digest": image.digest}
    if image.artifact_type is not None:
        described["artifactType"] = image.artifact_type
    if annotations := manifests.read(images.content(tx, image), image.media_type).annotations:
        described["annotations"] = annotations
    return described


def _small_body() -> bytes:
    """The request's content, which no manifest makes larger than 4 MiB."""
    length = request.content_length
    content = b"" if length is not None and length > manifests.LARGEST else request.stream.read(manifests.LARGEST + 1)
    if len(content) > manifests.LARGEST or (length or 0) > manifests.LARGEST:
        raise Refusal(413, "SIZE_INVALID", f"a manifest has at most {manifests.LARGEST} bytes")
    return content


def _page() -> _Page:
    """`?n=0` is an empty page; more than ECR gives at once is refused in its words."""
    asked = request.args.get("n")
    if asked is None:
        return _Page(_DEFAULT_PAGE, request.args.get("last"))
    if not (asked.isascii() and asked.isdecimal()):
        raise Refusal(400, "UNSUPPORTED", f"'{asked}' is no number of results")
    size = int(asked[:10])
    if size > _LARGEST_PAGE:
        raise errors.invalid("maxResults", f"Member must have value less than or equal to {_LARGEST_PAGE}")
    return _Page(size, request.args.get("last"))


def _listing(document: dict[str, Any], key: str, items: list[str], page: _Page) -> Response:
    shown = items[: page.size]
    response = _json({**document, key: shown})
    if shown and len(items) > page.size:
        query = urlencode({"last": shown[-1], "n": page.size})
        response.headers["Link"] = f'<{quote(request.path)}?{query}>; rel="next"'
    return response


def _json(document: dict[str, Any], content_type: str = "application/json; charset=utf-8") -> Response:
    content = json.dumps(document, separators=(",", ":"))
    return Response(content, 200, [VERSION], content_type=content_type)


def _empty(status: int, headers: list[tuple[str, str]]) -> Response:
    response = Response(b"", status, headers)
    del response.headers["Content-Type"]
    return response


def _only_read() -> None:
    if request.method not in ("GET", "HEAD"):
        raise oci_refusals.unsupported(request.method)


def _check_reference(reference: str) -> None:
    if ":" in reference:
        _digest(reference)
    elif not names.is_tag(reference):
        raise Refusal(400, "TAG_INVALID", f"'{reference}' is not a tag")


def _name(text: str) -> str:
    if not names.is_repository_name(text):
        raise oci_refusals.name_invalid(text)
    return text


def _digest(text: str) -> Digest:
    found = names.digest(text)
    if found is None:
        raise oci_refusals.digest_invalid(text)
    return found
