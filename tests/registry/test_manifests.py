"""Manifests: what is read from them, and all that is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ecs_emulator.registry import manifests
from ecs_emulator.registry.errors import InvalidParameterException

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": DIGEST, "size": 2}
LAYER = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": OTHER, "size": 7}


def image(**members: Any) -> bytes:
    document = {"schemaVersion": 2, "mediaType": manifests.OCI_IMAGE, "config": CONFIG, "layers": [LAYER], **members}
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode()


def index(**members: Any) -> bytes:
    document = {"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": [LAYER], **members}
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode()


def test_an_image_names_its_layers_and_then_its_configuration() -> None:
    found = manifests.read(image())
    assert [blob.digest for blob in found.blobs] == [OTHER, DIGEST]
    assert found.media_type == manifests.OCI_IMAGE
    assert found.artifact_type == CONFIG["mediaType"]
    assert found.content == image()


def test_an_index_names_images() -> None:
    found = manifests.read(index())
    assert [child.digest for child in found.children] == [OTHER]
    assert found.blobs == ()
    assert found.artifact_type is None


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (image(mediaType=...), manifests.OCI_IMAGE),
        (image(mediaType=manifests.DOCKER_IMAGE), manifests.DOCKER_IMAGE),
        (index(mediaType=...), manifests.OCI_INDEX),
        (index(mediaType=manifests.DOCKER_LIST), manifests.DOCKER_LIST),
    ],
)
def test_the_media_type_is_what_the_document_says_or_looks_like(content: bytes, media_type: str) -> None:
    assert manifests.read(content).media_type == media_type


def test_parameters_of_the_media_type_do_not_count() -> None:
    content = image(mediaType=...)
    assert manifests.read(content, f"{manifests.DOCKER_IMAGE}; charset=utf-8").media_type == manifests.DOCKER_IMAGE


def test_an_artifact_says_its_type_and_its_subject() -> None:
    found = manifests.read(
        image(artifactType="application/x-sbom", subject=LAYER, annotations={"made": "here"}, layers=[])
    )
    assert (found.artifact_type, found.subject, found.annotations) == ("application/x-sbom", OTHER, {"made": "here"})


def test_what_is_kept_elsewhere_is_foreign() -> None:
    found = manifests.read(image(layers=[{**LAYER, "urls": ["https://example.com/layer"]}]))
    assert [blob.foreign for blob in found.blobs] == [True, False]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        image(schemaVersion=1),
        image(mediaType="text/plain"),
        image(config=...),
        image(config={**CONFIG, "digest": "sha256:../../etc"}),
        image(config={**CONFIG, "size": -1}),
        image(config={**CONFIG, "size": True}),
        image(layers={}),
        image(layers=["x"]),
        image(manifests=[]),
        image(subject={}),
        index(manifests=...),
    ],
)
def test_everything_else_is_refused_in_one_sentence(content: bytes) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        manifests.read(content)
    sentence = "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'"
    assert refused.value.message == sentence


def test_the_sender_must_call_it_what_it_calls_itself() -> None:
    with pytest.raises(InvalidParameterException):
        manifests.read(image(), manifests.OCI_INDEX)


def test_nobody_needs_more_than_4200_layers() -> None:
    manifests.read(image(layers=[LAYER] * 4200))
    with pytest.raises(InvalidParameterException, match="Limit on number of layers per image exceeded"):
        manifests.read(image(layers=[LAYER] * 4201))
