"""What the registry refuses, in ECR's words: the same sentence for the API and for docker."""

from __future__ import annotations

from collections.abc import Iterable

from ecs_emulator.records.ecr import Repository
from ecs_emulator.wire.errors import AwsError


class InvalidParameterException(AwsError):
    """A member of the request is not what the model or the service asks for."""


class RepositoryNotFoundException(AwsError):
    """No such repository in this account and region."""


class ImageAlreadyExistsException(AwsError):
    """The very same image, with the very same tag, is there."""


class ImageTagAlreadyExistsException(AwsError):
    """The tag names another image and may not move."""


class ImageDigestDoesNotMatchException(AwsError):
    """The manifest is not what its digest says."""


class LayersNotFoundException(AwsError):
    """The manifest names blobs that this repository does not have."""


class ReferencedImagesNotFoundException(AwsError):
    """The index names images that this repository does not have."""


class UploadNotFoundException(AwsError):
    """No such upload in this repository."""


def invalid(member: str, constraint: str) -> InvalidParameterException:
    """ECR's one sentence for whatever is wrong with a parameter."""
    return InvalidParameterException(f"Invalid parameter at '{member}' failed to satisfy constraint: '{constraint}'")


def repository_not_found(name: str, account: str) -> RepositoryNotFoundException:
    return RepositoryNotFoundException(
        f"The repository with name '{name}' does not exist in the registry with id '{account}'"
    )


def image_already_exists(repository: Repository, digest: str, tag: str | None) -> ImageAlreadyExistsException:
    return ImageAlreadyExistsException(
        f"Image with digest '{digest}' and tag '{tag or 'null'}' already exists in the repository with name "
        f"'{repository.name}' in registry with id '{repository.account}'"
    )


def tag_is_immutable(repository: Repository, tag: str) -> ImageTagAlreadyExistsException:
    return ImageTagAlreadyExistsException(
        f"The image tag '{tag}' already exists in the '{repository.name}' repository and cannot be overwritten "
        "because the tag is immutable."
    )


def digest_does_not_match(repository: Repository, digest: str) -> ImageDigestDoesNotMatchException:
    return ImageDigestDoesNotMatchException(
        f"The image with digest '{digest}' in repository '{repository.name}' and registry ID '{repository.account}' "
        "does not match the image digest that Amazon ECR has calculated."
    )


def layers_not_found(repository: Repository, digests: Iterable[str]) -> LayersNotFoundException:
    return LayersNotFoundException(
        f"Layers with digests '[{','.join(digests)}]' required for pushing image into repository with name "
        f"'{repository.name}' in the registry with id '{repository.account}' do not exist"
    )


def images_not_found(repository: Repository, digests: Iterable[str]) -> ReferencedImagesNotFoundException:
    return ReferencedImagesNotFoundException(
        f"Images with digests '[{','.join(digests)}]' required for pushing image into repository with name "
        f"'{repository.name}' in the registry with id '{repository.account}' do not exist"
    )


def upload_not_found(upload_id: str, repository_name: str, account: str) -> UploadNotFoundException:
    return UploadNotFoundException(
        f"The upload with id '{upload_id}' does not exist in the repository with name '{repository_name}' "
        f"in registry with id '{account}'"
    )
