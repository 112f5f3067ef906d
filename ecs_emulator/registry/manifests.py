"""A manifest is bytes that a digest names; reading it tells what it is made of, and never changes a byte."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from ecs_emulator.registry import names
from ecs_emulator.registry.errors import invalid
from ecs_emulator.registry.names import Digest
from ecs_emulator.wire.errors import AwsError

OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
IMAGES = frozenset({OCI_IMAGE, DOCKER_IMAGE})
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})

LARGEST = 4_194_304
"""Bytes: the bound of `ImageManifest` in ECR's model."""
MOST_LAYERS = 4_200


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says of one thing that it names."""

    digest: str
    size: int
    media_type: str
    foreign: bool
    """Kept elsewhere (`urls`): nobody pushes it here."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as it was sent, and what can be read from it."""

    content: bytes
    media_type: str
    config: Descriptor | None
    layers: tuple[Descriptor, ...]
    children: tuple[Descriptor, ...]
    """The images of an index."""
    subject: str | None
    artifact_type: str | None
    annotations: dict[str, Any]

    def digest(self, algorithm: str = "sha256") -> Digest:
        return Digest(algorithm, hashlib.new(algorithm, self.content).hexdigest())

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Layers first, then the configuration: the order in which ECR names what is missing."""
        return (*self.layers, self.config) if self.config else self.layers


def read(content: bytes, media_type: str | None = None, *, guess: bool = True) -> Manifest:
    """The manifest that these bytes are. `media_type` is what the sender calls it; without one the document says it.

    Where neither does, its shape tells, unless `guess` is False. Raises ECR's InvalidParameterException for all that
    is none.
    """
    document = _document(content)
    kind = _kind(document, media_type, guess)
    config = _descriptor(document.get("config")) if kind in IMAGES else None
    layers = _descriptors(document.get("layers", [])) if kind in IMAGES else ()
    if len(layers) > MOST_LAYERS:
        raise invalid("ImageManifest", "Limit on number of layers per image exceeded")
    subject = document.get("subject")
    annotations = document.get("annotations")
    return Manifest(
        content=content,
        media_type=kind,
        config=config,
        layers=layers,
        children=_descriptors(document.get("manifests")) if kind in INDEXES else (),
        subject=None if subject is None else _descriptor(subject).digest,
        artifact_type=_artifact_type(document, config),
        annotations=annotations if isinstance(annotations, dict) else {},
    )


def _no_manifest() -> AwsError:
    """ECR says so whatever displeases it."""
    return invalid("ImageManifest", "Invalid JSON syntax")


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content.decode())
    except (ValueError, RecursionError):  # no UTF-8, no JSON, or a bomb of brackets
        raise _no_manifest() from None
    if not isinstance(document, dict) or document.get("schemaVersion") != 2:
        raise _no_manifest()
    if "manifests" in document and "layers" in document:
        raise _no_manifest()  # image to one reader, index to another
    return document


def _kind(document: dict[str, Any], told: str | None, guess: bool) -> str:
    told = (told or "").partition(";")[0].strip() or None
    said = document.get("mediaType")
    if said is not None and told is not None and said != told:
        raise _no_manifest()
    kind = told or said
    if kind is None and guess:
        kind = OCI_INDEX if "manifests" in document else OCI_IMAGE
    if kind not in IMAGES and kind not in INDEXES:
        raise _no_manifest()
    return str(kind)


def _artifact_type(document: dict[str, Any], config: Descriptor | None) -> str | None:
    said = document.get("artifactType")
    if isinstance(said, str) and said:
        return said
    return config.media_type if config else None


def _descriptors(items: object) -> tuple[Descriptor, ...]:
    if not isinstance(items, list):
        raise _no_manifest()
    return tuple(map(_descriptor, items))


def _descriptor(item: object) -> Descriptor:
    if not isinstance(item, dict):
        raise _no_manifest()
    digest, size, media_type = item.get("digest"), item.get("size"), item.get("mediaType", "")
    if not isinstance(digest, str) or names.digest(digest) is None or not isinstance(media_type, str):
        raise _no_manifest()
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _no_manifest()
    return Descriptor(digest, size, media_type, foreign=bool(item.get("urls")) or "nondistributable" in media_type)
