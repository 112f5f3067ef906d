"""Images by the API: put, got, described, listed, deleted; and each refusal in ECR's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ecs_emulator.registry import manifests
from tests.ecr.api import NOW, Ecr
from tests.http.registry import descriptor, digest_of, image_manifest, index_manifest

MISSING = "sha256:" + "e" * 64
MANIFEST = image_manifest(b"{}", b"layer").decode()
DIGEST = digest_of(MANIFEST.encode())
NOT_A_MANIFEST = (
    "InvalidParameterException",
    "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'",
)


def put(ecr: Ecr, manifest: str = MANIFEST, **params: Any) -> dict[str, Any]:
    image: dict[str, Any] = ecr.ask("PutImage", repositoryName="app", imageManifest=manifest, **params)["image"]
    return image


def ids(ecr: Ecr, **params: Any) -> list[tuple[str, str | None]]:
    answer = ecr.ask("ListImages", repositoryName="app", **params)
    return [(each["imageDigest"], each.get("imageTag")) for each in answer["imageIds"]]


@pytest.fixture
def app(ecr: Ecr) -> Ecr:
    ecr.create("app")
    ecr.has_blobs(b"layer", b"{}", b"other")
    return ecr


def with_index(app: Ecr) -> tuple[str, str]:
    """The digests of an index and of its one image, both untagged."""
    child = app.push()
    index = index_manifest(MANIFEST.encode()).decode()
    put(app, index)
    return digest_of(index.encode()), child


# --- putting --------------------------------------------------------------------------------------------------------------


def test_an_image_is_told_as_it_was_put(app: Ecr) -> None:
    assert put(app, imageTag="v1") == {
        "registryId": "123456789012",
        "repositoryName": "app",
        "imageId": {"imageDigest": DIGEST, "imageTag": "v1"},
        "imageManifest": MANIFEST,
        "imageManifestMediaType": manifests.OCI_IMAGE,
    }
    assert "imageTag" not in put(app, image_manifest(b"{}", b"other").decode())["imageId"]


@pytest.mark.parametrize("mutability", ["MUTABLE", "IMMUTABLE"])
def test_the_same_image_with_the_same_tag_is_there_already(app: Ecr, mutability: str) -> None:
    app.ask("PutImageTagMutability", repositoryName="app", imageTagMutability=mutability)
    put(app, imageTag="v1")
    for given, said in (({"imageTag": "v1"}, "v1"), ({}, "null")):
        assert app.refused("PutImage", repositoryName="app", imageManifest=MANIFEST, **given) == (
            "ImageAlreadyExistsException",
            f"Image with digest '{DIGEST}' and tag '{said}' already exists in the repository with name 'app' in "
            "registry with id '123456789012'",
        )


def test_another_tag_is_one_more_name_and_no_new_push(app: Ecr) -> None:
    put(app, imageTag="v1")
    app.now += 100
    put(app, imageTag="v2")
    (detail,) = app.ask("DescribeImages", repositoryName="app")["imageDetails"]
    assert (detail["imageTags"], detail["imagePushedAt"]) == (["v1", "v2"], NOW)


def test_a_tag_moves_unless_it_is_immutable(app: Ecr) -> None:
    put(app, imageTag="v1")
    other = image_manifest(b"{}", b"other").decode()
    app.ask("PutImageTagMutability", repositoryName="app", imageTagMutability="IMMUTABLE")
    assert app.refused("PutImage", repositoryName="app", imageManifest=other, imageTag="v1") == (
        "ImageTagAlreadyExistsException",
        "The image tag 'v1' already exists in the 'app' repository and cannot be overwritten because the tag is "
        "immutable.",
    )
    app.ask("PutImageTagMutability", repositoryName="app", imageTagMutability="MUTABLE")
    put(app, other, imageTag="v1")
    assert sorted(ids(app), key=str) == sorted([(DIGEST, None), (digest_of(other.encode()), "v1")], key=str)


@pytest.mark.parametrize(
    ("mutability", "tag", "moves"),
    [
        ("IMMUTABLE_WITH_EXCLUSION", "dev-1", True),
        ("IMMUTABLE_WITH_EXCLUSION", "v1", False),
        ("MUTABLE_WITH_EXCLUSION", "dev-1", False),
        ("MUTABLE_WITH_EXCLUSION", "v1", True),
        ("MUTABLE_WITH_EXCLUSION", "my-dev-1", True),
    ],
)
def test_exclusions_turn_the_rule_around_for_whole_tags(app: Ecr, mutability: str, tag: str, moves: bool) -> None:
    app.ask(
        "PutImageTagMutability",
        repositoryName="app",
        imageTagMutability=mutability,
        imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "dev-*"}],
    )
    put(app, imageTag=tag)
    status, _ = app.answer(
        "PutImage",
        {"repositoryName": "app", "imageManifest": image_manifest(b"{}", b"other").decode(), "imageTag": tag},
    )
    assert (status == 200) is moves


def test_what_an_image_is_made_of_must_be_here(app: Ecr) -> None:
    missing = image_manifest(b"no config", b"no layer", b"layer").decode()
    assert app.refused("PutImage", repositoryName="app", imageManifest=missing) == (
        "LayersNotFoundException",
        f"Layers with digests '[{digest_of(b'no layer')},{digest_of(b'no config')}]' required for pushing image into "
        "repository with name 'app' in the registry with id '123456789012' do not exist",
    )
    index = index_manifest(b"no image").decode()
    assert app.refused("PutImage", repositoryName="app", imageManifest=index) == (
        "ReferencedImagesNotFoundException",
        f"Images with digests '[{digest_of(b'no image')}]' required for pushing image into repository with name 'app' "
        "in the registry with id '123456789012' do not exist",
    )
    assert ids(app) == []


@pytest.mark.parametrize("manifest", ["x", "{}", "[]", image_manifest(b"{}", mediaType=None).decode()])
def test_what_is_no_manifest_is_refused(app: Ecr, manifest: str) -> None:
    assert app.refused("PutImage", repositoryName="app", imageManifest=manifest) == NOT_A_MANIFEST


def test_a_manifest_that_does_not_say_its_type_is_told_it(app: Ecr) -> None:
    manifest = image_manifest(b"{}", b"layer", mediaType=None).decode()
    image = put(app, manifest, imageManifestMediaType=manifests.DOCKER_IMAGE)
    assert image["imageManifestMediaType"] == manifests.DOCKER_IMAGE


def test_a_digest_must_be_that_of_the_manifest(app: Ecr) -> None:
    put(app, imageDigest=DIGEST)
    assert app.refused("PutImage", repositoryName="app", imageManifest=MANIFEST, imageDigest=MISSING) == (
        "ImageDigestDoesNotMatchException",
        f"The image with digest '{MISSING}' in repository 'app' and registry ID '123456789012' does not match the "
        "image digest that Amazon ECR has calculated.",
    )


def test_a_tag_that_docker_could_not_say_is_refused(app: Ecr) -> None:
    code, message = app.refused("PutImage", repositoryName="app", imageManifest=MANIFEST, imageTag="-x")
    assert (code, "imageTag" in message) == ("InvalidParameterException", True)


def test_nothing_is_put_where_no_repository_is(ecr: Ecr) -> None:
    for operation, params in (
        ("PutImage", {"imageManifest": MANIFEST}),
        ("BatchGetImage", {"imageIds": [{"imageTag": "v1"}]}),
        ("BatchDeleteImage", {"imageIds": [{"imageTag": "v1"}]}),
        ("DescribeImages", {}),
        ("ListImages", {}),
        ("BatchCheckLayerAvailability", {"layerDigests": [MISSING]}),
    ):
        assert ecr.refused(operation, repositoryName="nope", **params) == (
            "RepositoryNotFoundException",
            "The repository with name 'nope' does not exist in the registry with id '123456789012'",
        )


# --- getting --------------------------------------------------------------------------------------------------------------


def test_images_are_got_in_the_order_asked_for_and_others_fail_alone(app: Ecr) -> None:
    app.push("v1", "v2")
    answer = app.ask(
        "BatchGetImage",
        repositoryName="app",
        imageIds=[{"imageTag": "v2"}, {"imageTag": "nope"}, {"imageDigest": DIGEST}],
    )
    assert [image["imageId"] for image in answer["images"]] == [
        {"imageDigest": DIGEST, "imageTag": "v2"},
        {"imageDigest": DIGEST},
    ]
    assert answer["images"][0]["imageManifest"] == MANIFEST
    assert answer["failures"] == [
        {
            "imageId": {"imageTag": "nope"},
            "failureCode": "ImageNotFound",
            "failureReason": "Requested image not found",
        }
    ]


@pytest.mark.parametrize(
    ("image_id", "code", "reason"),
    [
        ({}, "MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"),
        (
            {"imageDigest": "x"},
            "InvalidImageDigest",
            "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        ),
        (
            {"imageTag": "-x"},
            "InvalidImageTag",
            "Invalid request parameters: image tag should satisfy the regex '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'",
        ),
        (
            {"imageDigest": MISSING, "imageTag": "v1"},
            "ImageTagDoesNotMatchDigest",
            "Requested image tag does not match the digest",
        ),
        ({"imageDigest": MISSING}, "ImageNotFound", "Requested image not found"),
        ({"imageDigest": MISSING, "imageTag": "nope"}, "ImageNotFound", "Requested image not found"),
    ],
)
@pytest.mark.parametrize("operation", ["BatchGetImage", "BatchDeleteImage"])
def test_each_failure_has_its_code(app: Ecr, operation: str, image_id: dict[str, str], code: str, reason: str) -> None:
    app.push("v1")
    answer = app.ask(operation, repositoryName="app", imageIds=[image_id])
    assert answer["failures"] == [{"imageId": image_id, "failureCode": code, "failureReason": reason}]
    assert ids(app) == [(DIGEST, "v1")]


def test_getting_an_image_is_a_pull(app: Ecr) -> None:
    app.push("v1")
    app.now += 100
    app.ask("BatchGetImage", repositoryName="app", imageIds=[{"imageTag": "v1"}])
    (detail,) = app.ask("DescribeImages", repositoryName="app")["imageDetails"]
    assert detail["lastRecordedPullTime"] == app.now


# --- deleting -------------------------------------------------------------------------------------------------------------


def delete(app: Ecr, *image_ids: dict[str, str]) -> tuple[list[dict[str, str]], list[str]]:
    answer = app.ask("BatchDeleteImage", repositoryName="app", imageIds=list(image_ids))
    return answer["imageIds"], [failure["failureCode"] for failure in answer["failures"]]


def test_a_tag_goes_and_the_image_with_its_last_one(app: Ecr) -> None:
    app.push("v1", "v2")
    assert delete(app, {"imageTag": "v1"}) == ([{"imageDigest": DIGEST, "imageTag": "v1"}], [])
    assert ids(app) == [(DIGEST, "v2")]
    assert delete(app, {"imageTag": "v2"}) == ([{"imageDigest": DIGEST, "imageTag": "v2"}], [])
    assert ids(app) == []


def test_by_its_digest_an_image_goes_with_all_its_tags(app: Ecr) -> None:
    app.push("v1", "v2")
    deleted, failures = delete(app, {"imageDigest": DIGEST})
    assert deleted == [{"imageDigest": DIGEST, "imageTag": tag} for tag in ("v1", "v2")]
    assert failures == []
    assert ids(app) == []


def test_an_untagged_image_is_told_by_its_digest(app: Ecr) -> None:
    app.push()
    assert delete(app, {"imageDigest": DIGEST}) == ([{"imageDigest": DIGEST}], [])


def test_an_image_of_an_index_is_kept(app: Ecr) -> None:
    index, child = with_index(app)
    answer = app.ask("BatchDeleteImage", repositoryName="app", imageIds=[{"imageDigest": child}])
    assert answer == {
        "imageIds": [],
        "failures": [
            {
                "imageId": {"imageDigest": child},
                "failureCode": "ImageReferencedByManifestList",
                "failureReason": f"Requested image referenced by manifest list: [{index}]",
            }
        ],
    }
    app.push("only")
    assert delete(app, {"imageTag": "only"}) == ([], ["ImageReferencedByManifestList"])
    assert (child, "only") in ids(app)


def test_an_index_and_its_images_go_together_in_any_order(app: Ecr) -> None:
    index, child = with_index(app)
    deleted, failures = delete(app, {"imageDigest": child}, {"imageDigest": index})
    assert deleted == [{"imageDigest": index}, {"imageDigest": child}]
    assert failures == []


# --- describing and listing -----------------------------------------------------------------------------------------------


def test_an_image_is_described_with_all_that_is_known(app: Ecr) -> None:
    app.push("v1")
    assert app.ask("DescribeImages", repositoryName="app") == {
        "imageDetails": [
            {
                "registryId": "123456789012",
                "repositoryName": "app",
                "imageDigest": DIGEST,
                "imageTags": ["v1"],
                "imageSizeInBytes": len(b"layer") + len(b"{}"),
                "imagePushedAt": NOW,
                "imageManifestMediaType": manifests.OCI_IMAGE,
                "artifactMediaType": "application/vnd.oci.image.config.v1+json",
                "imageStatus": "ACTIVE",
            }
        ]
    }


def test_an_index_is_as_large_as_its_largest_image(app: Ecr) -> None:
    app.has_blobs(b"a much larger layer")
    small, large = MANIFEST.encode(), image_manifest(b"{}", b"a much larger layer")
    for manifest in (small, large, index_manifest(small, large)):
        put(app, manifest.decode())
    index = digest_of(index_manifest(small, large))
    (detail,) = app.ask("DescribeImages", repositoryName="app", imageIds=[{"imageDigest": index}])["imageDetails"]
    assert detail["imageSizeInBytes"] == len(b"a much larger layer") + 2
    assert "artifactMediaType" not in detail
    assert "imageTags" not in detail


def test_a_signature_tells_its_subject(app: Ecr) -> None:
    signature = image_manifest(
        b"{}", artifactType="application/x-sig", subject=descriptor(MANIFEST.encode(), manifests.OCI_IMAGE)
    )
    put(app, signature.decode())
    (detail,) = app.ask("DescribeImages", repositoryName="app")["imageDetails"]
    assert (detail["artifactMediaType"], detail["subjectManifestDigest"]) == ("application/x-sig", DIGEST)


def test_one_unknown_image_fails_the_whole_description(app: Ecr) -> None:
    app.push("v1")
    for image_id, said in (
        ({"imageTag": "nope"}, "{imageDigest:'null', imageTag:'nope'}"),
        ({"imageDigest": MISSING}, f"{{imageDigest:'{MISSING}', imageTag:'null'}}"),
    ):
        assert app.refused("DescribeImages", repositoryName="app", imageIds=[{"imageTag": "v1"}, image_id]) == (
            "ImageNotFoundException",
            f"The image with imageId {said} does not exist within the repository with name 'app' in the registry with "
            "id '123456789012'",
        )


def test_ids_and_pages_do_not_go_together(app: Ecr) -> None:
    app.push("v1")
    code, _ = app.refused("DescribeImages", repositoryName="app", imageIds=[{"imageTag": "v1"}], maxResults=1)
    assert code == "InvalidParameterException"


@pytest.fixture
def five(app: Ecr) -> Ecr:
    """Images 0 to 4 a second apart: the even ones with two tags each, the odd ones untagged."""
    for number in range(5):
        app.now = NOW + number
        app.push(*(f"{number}a", f"{number}b")[: 0 if number % 2 else 2], layer=b"layer" + bytes([number]))
    return app


def pages(app: Ecr, operation: str, key: str, **params: Any) -> list[list[dict[str, Any]]]:
    found, token = [], None
    while True:
        answer = app.ask(operation, repositoryName="app", **params, **({"nextToken": token} if token else {}))
        found.append(answer[key])
        if (token := answer.get("nextToken")) is None:
            return found


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 100])
@pytest.mark.parametrize("status", [None, "TAGGED", "UNTAGGED", "ANY"])
def test_every_image_is_on_one_page(five: Ecr, size: int, status: str | None) -> None:
    params: dict[str, Any] = {} if status is None else {"filter": {"tagStatus": status}}
    wanted = {"TAGGED": [0, 2, 4], "UNTAGGED": [1, 3]}.get(status or "", [0, 1, 2, 3, 4])
    described = pages(five, "DescribeImages", "imageDetails", maxResults=size, **params)
    assert [detail["imagePushedAt"] - NOW for page in described for detail in page] == pytest.approx(wanted)
    assert all(len(page) == size for page in described[:-1])
    listed = pages(five, "ListImages", "imageIds", maxResults=size, **params)
    tags = [each.get("imageTag") for page in listed for each in page]
    assert tags == [tag for number in wanted for tag in ((f"{number}a", f"{number}b"), (None,))[number % 2]]
    assert all(len(page) == size for page in listed[:-1])


def test_a_status_that_no_image_has_finds_none(five: Ecr) -> None:
    assert ids(five, filter={"imageStatus": "ARCHIVED"}) == []
    assert len(ids(five, filter={"imageStatus": "ANY"})) == 8


def test_layers_are_available_once_they_are_here(app: Ecr) -> None:
    before = app.ask("BatchCheckLayerAvailability", repositoryName="app", layerDigests=[digest_of(b"layer"), MISSING])
    assert before == {
        "layers": [
            {"layerDigest": digest_of(b"layer"), "layerAvailability": "AVAILABLE", "layerSize": 5},
            {"layerDigest": MISSING, "layerAvailability": "UNAVAILABLE"},
        ],
        "failures": [],
    }
    app.push("v1")
    after = app.ask("BatchCheckLayerAvailability", repositoryName="app", layerDigests=[digest_of(b"{}"), "x", ""])
    (config,) = after["layers"]
    assert config["mediaType"] == json.loads(MANIFEST)["config"]["mediaType"]
    assert [failure["failureCode"] for failure in after["failures"]] == ["InvalidLayerDigest", "MissingLayerDigest"]
