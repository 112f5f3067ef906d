"""A repository gathers images; an image is a manifest that names layers; a tag is a name that may move."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar


class TagMutability(StrEnum):
    MUTABLE = "MUTABLE"
    IMMUTABLE = "IMMUTABLE"
    IMMUTABLE_WITH_EXCLUSION = "IMMUTABLE_WITH_EXCLUSION"
    MUTABLE_WITH_EXCLUSION = "MUTABLE_WITH_EXCLUSION"


class ImageStatus(StrEnum):
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"
    ACTIVATING = "ACTIVATING"


class PartKind(StrEnum):
    """What an image is made of: blobs, or for an index, images."""

    LAYER = "LAYER"
    IMAGE = "IMAGE"


@dataclass(frozen=True, slots=True)
class Repository:
    """Lives from CreateRepository until DeleteRepository. Its address is computed: it depends on who listens where."""

    KEY: ClassVar = ("account", "region", "name")
    INDEXES: ClassVar = (("account", "region", "created_at", "name"),)

    account: str
    region: str
    name: str
    arn: str
    created_at: float
    tag_mutability: TagMutability = TagMutability.MUTABLE
    exclusion_filters: list[Any] = field(default_factory=list)
    scan_on_push: bool = False
    encryption: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Image:
    """What DescribeImages tells of one manifest. Lives from its first push until it is deleted."""

    KEY: ClassVar = ("account", "region", "repository", "digest")
    INDEXES: ClassVar = (
        ("account", "region", "repository", "pushed_at", "digest"),
        ("account", "region", "repository", "subject"),
    )

    account: str
    region: str
    repository: str
    digest: str
    media_type: str
    size: int
    """Bytes of configuration and layers; of an index, those of its largest image."""
    manifest_size: int
    pushed_at: float
    artifact_type: str | None = None
    subject: str | None = None
    """The digest that this image refers to: a signature's image."""
    status: ImageStatus = ImageStatus.ACTIVE
    last_pulled_at: float | None = None


@dataclass(frozen=True, slots=True)
class ImageManifest:
    """The exact bytes that a digest names; a row of its own, so that listing images never reads them."""

    KEY: ClassVar = ("account", "region", "repository", "digest")
    INDEXES: ClassVar = ()

    account: str
    region: str
    repository: str
    digest: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ImageTag:
    """One name for one image. Lives until it is deleted; a push may move it."""

    KEY: ClassVar = ("account", "region", "repository", "tag")
    INDEXES: ClassVar = (("account", "region", "repository", "digest", "tag"),)

    account: str
    region: str
    repository: str
    tag: str
    digest: str
    tagged_at: float


@dataclass(frozen=True, slots=True)
class ImagePart:
    """One thing that an image's manifest names: it must not go before the image. Lives as long as that."""

    KEY: ClassVar = ("account", "region", "repository", "image", "digest")
    INDEXES: ClassVar = (("account", "region", "repository", "digest"),)

    account: str
    region: str
    repository: str
    image: str
    digest: str
    what: PartKind


@dataclass(frozen=True, slots=True)
class Layer:
    """The right to read one blob in one repository. Lives as long as the repository; the file is shared by all."""

    KEY: ClassVar = ("account", "region", "repository", "digest")
    INDEXES: ClassVar = (("digest",),)

    account: str
    region: str
    repository: str
    digest: str
    size: int
    uploaded_at: float
    media_type: str | None = None
    """What the first manifest that named it calls it."""


@dataclass(frozen=True, slots=True)
class LayerUpload:
    """An upload under way; how far it is, its file knows. Lives until it is completed, cancelled or a day old."""

    KEY: ClassVar = ("upload_id",)
    INDEXES: ClassVar = (("account", "region", "repository"), ("started_at",))

    upload_id: str
    account: str
    region: str
    repository: str
    started_at: float
