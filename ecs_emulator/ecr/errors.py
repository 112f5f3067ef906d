"""The errors of the ECR model: the class is AWS's code, the message AWS's words. Those of the registry are said there."""

from __future__ import annotations

from ecs_emulator.records.ecr import Repository
from ecs_emulator.registry.errors import (
    ImageAlreadyExistsException,
    ImageDigestDoesNotMatchException,
    ImageTagAlreadyExistsException,
    InvalidParameterException,
    LayersNotFoundException,
    ReferencedImagesNotFoundException,
    RepositoryNotFoundException,
    UploadNotFoundException,
)
from ecs_emulator.wire.errors import AwsError

__all__ = [
    "ImageAlreadyExistsException",
    "ImageDigestDoesNotMatchException",
    "ImageNotFoundException",
    "ImageTagAlreadyExistsException",
    "InvalidParameterException",
    "InvalidTagParameterException",
    "KmsException",
    "LayersNotFoundException",
    "LimitExceededException",
    "ReferencedImagesNotFoundException",
    "RepositoryAlreadyExistsException",
    "RepositoryNotEmptyException",
    "RepositoryNotFoundException",
    "TooManyTagsException",
    "UploadNotFoundException",
    "image_not_found",
    "repository_already_exists",
    "repository_not_empty",
]


class RepositoryAlreadyExistsException(AwsError):
    """The name is taken."""


class RepositoryNotEmptyException(AwsError):
    """There are images, and `force` was not said."""


class ImageNotFoundException(AwsError):
    """No such image in this repository."""


class InvalidTagParameterException(AwsError):
    """A tag of a repository that cannot be."""


class TooManyTagsException(AwsError):
    """More than fifty."""


class LimitExceededException(AwsError):
    """A quota of the service."""


class KmsException(AwsError):
    """The key cannot be used; `kmsError` is what KMS calls it."""


def repository_already_exists(name: str, account: str) -> RepositoryAlreadyExistsException:
    return RepositoryAlreadyExistsException(
        f"The repository with name '{name}' already exists in the registry with id '{account}'"
    )


def repository_not_empty(repository: Repository) -> RepositoryNotEmptyException:
    return RepositoryNotEmptyException(
        f"The repository with name '{repository.name}' in registry with id '{repository.account}' cannot be deleted "
        "because it still contains images"
    )


def image_not_found(repository: Repository, digest: str | None, tag: str | None) -> ImageNotFoundException:
    return ImageNotFoundException(
        f"The image with imageId {{imageDigest:'{digest or 'null'}', imageTag:'{tag or 'null'}'}} does not exist within "
        f"the repository with name '{repository.name}' in the registry with id '{repository.account}'"
    )
