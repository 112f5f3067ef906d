"""What is in a repository: images, the tags that name them, and what they are made of.

Every function reads or changes records in the transaction it is given: a push is whole, or it never was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ecs_emulator.arns import World
from ecs_emulator.clock import Instant
from ecs_emulator.records.ecr import (
    Image,
    ImageManifest,
    ImagePart,
    ImageStatus,
    ImageTag,
    Layer,
    LayerUpload,
    PartKind,
    Repository,
    TagMutability,
)
from ecs_emulator.registry import errors
from ecs_emulator.registry.manifests import Descriptor, Manifest
from ecs_emulator.registry.names import Digest
from ecs_emulator.store import Transaction

_PULL_RECORDED_SECONDS = 60.0  # between two writes of an image's last pull time; AWS does it within a day


def repository(tx: Transaction, world: World, name: str) -> Repository:
    """The repository of this name; RepositoryNotFoundException in ECR's words."""
    found = tx.get(Repository, world.account, world.region, name)
    if found is None:
        raise errors.repository_not_found(name, world.account)
    return found


def find_image(
    tx: Transaction, repository: Repository, *, digest: str | None = None, tag: str | None = None
) -> Image | None:
    """The image with this digest, or that this tag names; with both, they must belong together."""
    place = (repository.account, repository.region, repository.name)
    if tag is not None:
        named = tx.get(ImageTag, *place, tag)
        if named is None or (digest is not None and digest != named.digest):
            return None
        digest = named.digest
    return None if digest is None else tx.get(Image, *place, digest)


def resolve_image(tx: Transaction, world: World, repository_name: str, reference: str) -> Image | None:
    """The image that a tag or a digest means in this repository at this moment; None when there is none."""
    found = tx.get(Repository, world.account, world.region, repository_name)
    if found is None:
        return None
    return find_image(tx, found, digest=reference) if ":" in reference else find_image(tx, found, tag=reference)


def tags_of(tx: Transaction, repository: Repository, digests: Iterable[str]) -> dict[str, list[str]]:
    """The tags of these images, sorted; an untagged image has no entry."""
    tags: dict[str, list[str]] = {}
    for found in tx.find(ImageTag, **_in(repository), digest=list(digests), order="tag"):
        tags.setdefault(found.digest, []).append(found.tag)
    return tags


def content(tx: Transaction, image: Image) -> bytes:
    """The manifest as it was pushed."""
    found = tx.get(ImageManifest, image.account, image.region, image.repository, image.digest)
    return found.content if found else b""


def put_image(
    tx: Transaction, repository: Repository, manifest: Manifest, digest: Digest, tag: str | None, now: Instant
) -> Image:
    """A manifest becomes an image, or an image gets one more tag.

    In ECR's order: the parts must be there; the same image with the same tag is refused whatever the mutability; only
    then may a tag be too immutable to move.
    """
    _require_parts(tx, repository, manifest)
    known = find_image(tx, repository, digest=str(digest))
    if known is not None and (tag is None or str(digest) == _tagged(tx, repository, tag)):
        raise errors.image_already_exists(repository, str(digest), tag)
    if tag is not None:
        _move_tag(tx, repository, tag, str(digest), now)
    if known is not None:
        restored = replace(known, status=ImageStatus.ACTIVE)
        tx.put(restored)
        return restored
    return _add(tx, repository, manifest, str(digest), now)


def remove_tag(tx: Transaction, repository: Repository, tag: str) -> bool:
    """Take a name from its image, which stays. False: nothing has that name."""
    found = tx.get(ImageTag, repository.account, repository.region, repository.name, tag)
    if found is None:
        return False
    tx.delete(found)
    return True


def remove_image(tx: Transaction, image: Image) -> None:
    """The image, its tags and its references go; its layers may be another's too and stay."""
    of_image: dict[str, Any] = {"account": image.account, "region": image.region, "repository": image.repository}
    tx.delete(
        image,
        *tx.find(ImageManifest, **of_image, digest=image.digest),
        *tx.find(ImageTag, **of_image, digest=image.digest),
        *tx.find(ImagePart, **of_image, image=image.digest),
    )


def lists_naming(tx: Transaction, image: Image) -> list[str]:
    """The digests of the indexes that this image is a part of."""
    parts = tx.find(
        ImagePart,
        account=image.account,
        region=image.region,
        repository=image.repository,
        digest=image.digest,
        what=PartKind.IMAGE,
        order="image",
    )
    return [part.image for part in parts]


def referrers(tx: Transaction, repository: Repository, subject: str) -> list[Image]:
    """The images that name this one as their subject, in the order of their push."""
    return tx.find(Image, **_in(repository), subject=subject, order="pushed_at,digest")


def pulled(tx: Transaction, image: Image, now: Instant) -> None:
    """Remember when the image was last asked for."""
    if was_just_pulled(image, now):
        return
    tx.put(replace(image, last_pulled_at=now))


def was_just_pulled(image: Image, now: Instant) -> bool:
    return image.last_pulled_at is not None and now - image.last_pulled_at < _PULL_RECORDED_SECONDS


def remove_repository(tx: Transaction, repository: Repository) -> None:
    """The repository and all it holds; blobs that no repository has any more are swept later."""
    for kind in (ImageTag, ImagePart, ImageManifest, Image, Layer, LayerUpload):
        tx.delete(*tx.find(kind, **_in(repository)))
    tx.delete(repository)


def is_immutable(repository: Repository, tag: str) -> bool:
    """Whether this tag, once given, may not name another image."""
    excluded = any(_matches(each["filter"], tag) for each in repository.exclusion_filters)
    match repository.tag_mutability:
        case TagMutability.MUTABLE:
            return False
        case TagMutability.IMMUTABLE:
            return True
        case TagMutability.IMMUTABLE_WITH_EXCLUSION:
            return not excluded
        case TagMutability.MUTABLE_WITH_EXCLUSION:
            return excluded


def _matches(wildcard: str, tag: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, wildcard.split("*"))), tag) is not None


def _in(repository: Repository) -> dict[str, Any]:
    return {"account": repository.account, "region": repository.region, "repository": repository.name}


def _tagged(tx: Transaction, repository: Repository, tag: str) -> str | None:
    found = tx.get(ImageTag, repository.account, repository.region, repository.name, tag)
    return found.digest if found else None


def _require_parts(tx: Transaction, repository: Repository, manifest: Manifest) -> None:
    needed = [blob for blob in manifest.blobs if not blob.foreign]
    present = {layer.digest: layer.size for layer in tx.find(Layer, **_in(repository), digest=_digests(needed))}
    if missing := [blob.digest for blob in needed if present.get(blob.digest) != blob.size]:
        raise errors.layers_not_found(repository, dict.fromkeys(missing))
    images = {image.digest for image in tx.find(Image, **_in(repository), digest=_digests(manifest.children))}
    if missing := [child.digest for child in manifest.children if child.digest not in images]:
        raise errors.images_not_found(repository, dict.fromkeys(missing))


def _digests(descriptors: Iterable[Descriptor]) -> list[str]:
    return list(dict.fromkeys(descriptor.digest for descriptor in descriptors))


def _move_tag(tx: Transaction, repository: Repository, tag: str, digest: str, now: Instant) -> None:
    if _tagged(tx, repository, tag) is not None and is_immutable(repository, tag):
        raise errors.tag_is_immutable(repository, tag)
    tx.put(ImageTag(repository.account, repository.region, repository.name, tag, digest, now))


def _add(tx: Transaction, repository: Repository, manifest: Manifest, digest: str, now: Instant) -> Image:
    place = (repository.account, repository.region, repository.name)
    image = Image(
        *place,
        digest,
        media_type=manifest.media_type,
        size=_size(tx, repository, manifest),
        manifest_size=len(manifest.content),
        pushed_at=now,
        artifact_type=manifest.artifact_type,
        subject=manifest.subject,
    )
    layers = [ImagePart(*place, digest, each, PartKind.LAYER) for each in _digests(manifest.blobs)]
    images = [ImagePart(*place, digest, each, PartKind.IMAGE) for each in _digests(manifest.children)]
    tx.put(image, ImageManifest(*place, digest, manifest.content), *layers, *images)
    _name_layers(tx, repository, manifest)
    return image


def _size(tx: Transaction, repository: Repository, manifest: Manifest) -> int:
    """Of an image, what it is made of; of an index, its largest image (the model's `imageSizeInBytes`)."""
    if manifest.children:
        images = tx.find(Image, **_in(repository), digest=_digests(manifest.children))
        return max(image.size for image in images)
    return sum(blob.size for blob in manifest.blobs)


def _name_layers(tx: Transaction, repository: Repository, manifest: Manifest) -> None:
    """A blob is only bytes until a manifest says what they are."""
    called = {blob.digest: blob.media_type for blob in manifest.blobs if blob.media_type}
    for layer in tx.find(Layer, **_in(repository), digest=list(called), media_type=None):
        tx.put(replace(layer, media_type=called[layer.digest]))
