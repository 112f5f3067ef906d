"""Images by the API: what docker pushed is seen here, what is put here can be pulled.

Source: PutImage, BatchGetImage, BatchDeleteImage, DescribeImages and ListImages in the ECR API reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ecs_emulator.ecr import errors, resolve
from ecs_emulator.ecr.constraints import invalid
from ecs_emulator.records.ecr import Image, ImageStatus, Repository
from ecs_emulator.registry import errors as registry_errors
from ecs_emulator.registry import images, manifests, names
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import page

_DIGEST = r"[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+"
_TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
_DIGEST_FORM = re.compile(r"[a-zA-Z0-9\-_+.]+:[a-fA-F0-9]+")

_ANY = "ANY"


class _Failure(Exception):
    """One of several image ids can't be served; the others are."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def put_image(call: Call, params: Params) -> Document:
    """A manifest whose layers are here becomes an image, or an image gets a tag.

    Errors: InvalidParameter, ImageDigestDoesNotMatch, LayersNotFound, ReferencedImagesNotFound, ImageAlreadyExists,
    ImageTagAlreadyExists.
    """
    repository = resolve.repository(call, params)
    tag = params.get("imageTag")
    if tag is not None and not names.is_tag(tag):
        raise invalid("imageTag", f"must satisfy regular expression '{_TAG}'")
    manifest = manifests.read(_bytes(params["imageManifest"]), params.get("imageManifestMediaType"), guess=False)
    digest = manifest.digest()
    if params.get("imageDigest", str(digest)) != str(digest):
        raise registry_errors.digest_does_not_match(repository, params["imageDigest"])
    image = images.put_image(call.tx, repository, manifest, digest, tag, call.now)
    return {"image": _document(image, params["imageManifest"], tag)}


def batch_get_image(call: Call, params: Params) -> Document:
    """The manifests of these images, and why others are not given. To AWS this is a pull."""
    repository = resolve.repository(call, params)
    found: list[Document] = []
    failures: list[Document] = []
    for image_id in params["imageIds"]:
        try:
            image = _identified(call, repository, image_id)
        except _Failure as failure:
            failures.append(_failed(image_id, failure))
            continue
        images.pulled(call.tx, image, call.now)
        found.append(_document(image, images.content(call.tx, image).decode(), image_id.get("imageTag")))
    return {"images": found, "failures": failures}


def batch_delete_image(call: Call, params: Params) -> Document:
    """Tags are taken away, and images with their last tag; by digest an image goes with all its tags."""
    repository = resolve.repository(call, params)
    deleted: list[Document] = []
    failures: list[Document] = []
    for image_id in _indexes_first(call, repository, params["imageIds"]):
        try:
            deleted += _delete(call, repository, image_id)
        except _Failure as failure:
            failures.append(_failed(image_id, failure))
    return {"imageIds": deleted, "failures": failures}


def describe_images(call: Call, params: Params) -> Document:
    """All that is known of these images, or of a page of those that the filter lets through."""
    repository = resolve.repository(call, params)
    if "imageIds" in params:
        found, token = _described(call, repository, params), None
    else:
        wanted = params.get("filter", {})
        found, token = page(
            call,
            params,
            lambda after, limit: _some_images(call, repository, wanted, after, limit),
            lambda image: (image.pushed_at, image.digest),
            default=100,
            maximum=1000,
        )
    tags = images.tags_of(call.tx, repository, [image.digest for image in found])
    return {"imageDetails": [_detail(image, tags.get(image.digest)) for image in found], "nextToken": token}


def list_images(call: Call, params: Params) -> Document:
    """One id for each tag, and one for each image that has none."""
    repository = resolve.repository(call, params)
    wanted = params.get("filter", {})
    found, token = page(
        call,
        params,
        lambda after, limit: _some_ids(call, repository, wanted, after, limit),
        lambda found: found,
        default=100,
        maximum=1000,
    )
    return {"imageIds": [_image_id(digest, tag or None) for _, digest, tag in found], "nextToken": token}


# --- identifying ----------------------------------------------------------------------------------------------------------


def _identified(call: Call, repository: Repository, image_id: dict[str, str]) -> Image:
    """The image that a digest, a tag, or both together mean."""
    digest, tag = image_id.get("imageDigest"), image_id.get("imageTag")
    if digest is None and tag is None:
        raise _Failure("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null")
    if digest is not None and _DIGEST_FORM.fullmatch(digest) is None:
        raise _Failure(
            "InvalidImageDigest", f"Invalid request parameters: image digest should satisfy the regex '{_DIGEST}'"
        )
    if tag is not None and not names.is_tag(tag):
        raise _Failure("InvalidImageTag", f"Invalid request parameters: image tag should satisfy the regex '{_TAG}'")
    image = images.find_image(call.tx, repository, digest=digest, tag=tag)
    if image is not None:
        return image
    if digest is not None and images.find_image(call.tx, repository, tag=tag) is not None:
        raise _Failure("ImageTagDoesNotMatchDigest", "Requested image tag does not match the digest")
    raise _Failure("ImageNotFound", "Requested image not found")


def _indexes_first(call: Call, repository: Repository, image_ids: list[dict[str, str]]) -> list[dict[str, str]]:
    """An index and its images may be deleted in one request, in whichever order they are named."""

    def is_no_index(image_id: dict[str, str]) -> bool:
        digest, tag = image_id.get("imageDigest"), image_id.get("imageTag")
        image = images.find_image(call.tx, repository, digest=digest, tag=tag)
        return image is None or image.media_type not in manifests.INDEXES

    return sorted(image_ids, key=is_no_index)


def _delete(call: Call, repository: Repository, image_id: dict[str, str]) -> list[Document]:
    image = _identified(call, repository, image_id)
    tags = images.tags_of(call.tx, repository, [image.digest]).get(image.digest, [])
    tag = image_id.get("imageTag")
    if tag is not None and tags != [tag]:
        images.remove_tag(call.tx, repository, tag)
        return [_image_id(image.digest, tag)]
    if lists := images.lists_naming(call.tx, image):
        raise _Failure(
            "ImageReferencedByManifestList", f"Requested image referenced by manifest list: [{', '.join(lists)}]"
        )
    images.remove_image(call.tx, image)
    return [_image_id(image.digest, each) for each in tags] or [_image_id(image.digest)]


def _described(call: Call, repository: Repository, params: Params) -> list[Image]:
    for member in ("nextToken", "maxResults"):
        if member in params:
            raise invalid(member, f"{member} cannot be used when imageIds is specified")
    found: dict[str, Image] = {}
    for image_id in params["imageIds"]:
        digest, tag = image_id.get("imageDigest"), image_id.get("imageTag")
        image = images.find_image(call.tx, repository, digest=digest, tag=tag)
        if image is None:
            raise errors.image_not_found(repository, digest, tag)
        found[image.digest] = image
    return list(found.values())


# --- listing --------------------------------------------------------------------------------------------------------------


def _some_images(
    call: Call, repository: Repository, wanted: dict[str, str], after: Sequence[object] | None, limit: int
) -> list[Image]:
    """At most `limit` images behind `after` that the filter lets through, in the order of their first push."""
    found: list[Image] = []
    for batch in _batches(call, repository, wanted, after, limit):
        tagged = images.tags_of(call.tx, repository, [image.digest for image in batch])
        found += [image for image in batch if _wants(wanted, image.digest in tagged)]
        if len(found) >= limit:
            break
    return found[:limit]


def _some_ids(
    call: Call, repository: Repository, wanted: dict[str, str], after: Sequence[Any] | None, limit: int
) -> list[tuple[float, str, str]]:
    """(pushed at, digest, tag or nothing): ids behind `after`, whose image may have more tags than the last page held."""
    found: list[tuple[float, str, str]] = []
    if after is not None:
        pushed_at, digest, last = after
        more = images.tags_of(call.tx, repository, [digest]).get(digest, ())
        found += [(pushed_at, digest, tag) for tag in more if tag > last and _wants(wanted, True)]
        after = (pushed_at, digest)
    for batch in _batches(call, repository, wanted, after, limit):
        if len(found) >= limit:
            break
        tags = images.tags_of(call.tx, repository, [image.digest for image in batch])
        found += [
            (image.pushed_at, image.digest, tag)
            for image in batch
            for tag in tags.get(image.digest, [""])
            if _wants(wanted, bool(tag))
        ]
    return found[:limit]


def _batches(
    call: Call, repository: Repository, wanted: dict[str, str], after: Sequence[object] | None, size: int
) -> Iterator[list[Image]]:
    status = wanted.get("imageStatus", ImageStatus.ACTIVE)
    chosen: dict[str, Any] = {} if status == _ANY else {"status": status}
    while True:
        batch = call.find(
            Image,
            account=repository.account,
            region=repository.region,
            repository=repository.name,
            order="pushed_at,digest",
            after=after,
            limit=size,
            **chosen,
        )
        yield batch
        if len(batch) < size:
            return
        after = (batch[-1].pushed_at, batch[-1].digest)


def _wants(wanted: dict[str, str], is_tagged: bool) -> bool:
    match wanted.get("tagStatus", _ANY):
        case "TAGGED":
            return is_tagged
        case "UNTAGGED":
            return not is_tagged
        case _:
            return True


# --- documents ------------------------------------------------------------------------------------------------------------


def _document(image: Image, manifest: str, tag: str | None) -> Document:
    """`Image` in the model."""
    return {
        "registryId": image.account,
        "repositoryName": image.repository,
        "imageId": _image_id(image.digest, tag),
        "imageManifest": manifest,
        "imageManifestMediaType": image.media_type,
    }


def _detail(image: Image, tags: list[str] | None) -> Document:
    """`ImageDetail` in the model."""
    return {
        "registryId": image.account,
        "repositoryName": image.repository,
        "imageDigest": image.digest,
        "imageTags": tags,
        "imageSizeInBytes": image.size,
        "imagePushedAt": image.pushed_at,
        "imageManifestMediaType": image.media_type,
        "artifactMediaType": image.artifact_type,
        "lastRecordedPullTime": image.last_pulled_at,
        "subjectManifestDigest": image.subject,
        "imageStatus": image.status,
    }


def _image_id(digest: str, tag: str | None = None) -> Document:
    return {"imageDigest": digest} if tag is None else {"imageDigest": digest, "imageTag": tag}


def _failed(image_id: dict[str, str], failure: _Failure) -> Document:
    return {"imageId": image_id, "failureCode": failure.code, "failureReason": failure.reason}


def _bytes(manifest: str) -> bytes:
    try:
        return manifest.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, by an escape in the request
        raise invalid("ImageManifest", "Invalid JSON syntax") from None
