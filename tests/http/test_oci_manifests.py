"""Manifests, tags, the catalog and referrers: what docker asks for in small requests, and what ECR says to bad ones."""

from __future__ import annotations

import hashlib
import json

import pytest

from ecs_emulator.arns import World
from ecs_emulator.records.ecr import Image, TagMutability
from ecs_emulator.registry import manifests
from tests.http.registry import WORLD, Registry, descriptor, digest_of, image_manifest, index_manifest

CONFIG, LAYER = b"{}", b"layer"
MISSING = "sha256:" + "e" * 64
NOT_A_MANIFEST = (
    "UNSUPPORTED",
    "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'",
)


def path(reference: str, name: str = "team/app") -> str:
    return f"/v2/{name}/manifests/{reference}"


def pushed(registry: Registry, *tags: str, name: str = "team/app", layer: bytes = LAYER) -> bytes:
    """The manifest of an image that was pushed under these tags, or by its digest."""
    for blob in (CONFIG, layer):
        registry.push_blob(name, blob)
    manifest = image_manifest(CONFIG, layer)
    for reference in tags or (digest_of(manifest),):
        assert registry.put_manifest(name, reference, manifest).status == 201
    return manifest


def test_the_root_is_there_for_those_who_may(registry: Registry) -> None:
    for spelled in ("/v2/", "/v2"):
        answer = registry.ask("GET", spelled)
        assert (answer.status, answer.document) == (200, {})
        assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"


def test_a_manifest_comes_back_byte_for_byte_by_tag_and_by_digest(registry: Registry) -> None:
    manifest = pushed(registry, "v1")
    for reference in ("v1", digest_of(manifest)):
        for method, content in (("GET", manifest), ("HEAD", b"")):
            answer = registry.ask(method, path(reference))
            assert (answer.status, answer.content) == (200, content)
            assert answer.headers["Content-Type"] == manifests.OCI_IMAGE
            assert answer.headers["Docker-Content-Digest"] == digest_of(manifest)
            assert answer.headers["Content-Length"] == str(len(manifest))


def test_a_push_is_told_where_the_manifest_is(registry: Registry) -> None:
    manifest = pushed(registry)
    answer = registry.put_manifest("team/app", "v1", manifest)
    assert (answer.status, answer.content) == (201, b"")
    assert answer.headers["Location"] == path(digest_of(manifest))
    assert answer.headers["Docker-Content-Digest"] == digest_of(manifest)
    assert answer.headers["Content-Type"] is None


def test_the_same_push_again_is_no_error(registry: Registry) -> None:
    manifest = pushed(registry, "v1")
    for reference in ("v1", digest_of(manifest), "v2"):
        assert registry.put_manifest("team/app", reference, manifest).status == 201
    with registry.store.snapshot() as tx:
        assert tx.count(Image) == 1


def test_a_tag_moves_and_the_old_image_stays(registry: Registry) -> None:
    first, second = pushed(registry, "v1", "v2"), pushed(registry, "v1", layer=b"another")
    assert registry.ask("GET", path("v1")).content == second
    assert registry.ask("GET", path("v2")).content == first
    assert registry.ask("GET", path(digest_of(first))).content == first


def test_an_immutable_tag_does_not_move(registry: Registry) -> None:
    registry.create("team/app", TagMutability.IMMUTABLE)
    manifest = pushed(registry, "v1")
    pushed(registry, layer=b"another")
    refused = registry.put_manifest("team/app", "v1", image_manifest(CONFIG, b"another"))
    assert refused.status == 400
    assert refused.error == (
        "TAG_INVALID",
        "The image tag 'v1' already exists in the 'team/app' repository and cannot be overwritten because the tag is "
        "immutable.",
    )
    assert registry.ask("GET", path("v1")).content == manifest
    assert registry.put_manifest("team/app", "v1", manifest).status == 201


def test_a_digest_must_be_that_of_the_manifest(registry: Registry) -> None:
    manifest = pushed(registry)
    refused = registry.put_manifest("team/app", MISSING, manifest)
    assert (refused.status, refused.error[0]) == (400, "DIGEST_INVALID")
    sha512 = f"sha512:{hashlib.sha512(manifest).hexdigest()}"
    assert registry.put_manifest("team/app", sha512, manifest).status == 201
    assert registry.ask("GET", path(sha512)).content == manifest


@pytest.mark.parametrize("reference", ["sha256:baddigeststring", "sha256:" + "A" * 64, "md5:00"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_what_is_no_digest_is_refused(registry: Registry, method: str, reference: str) -> None:
    assert registry.ask(method, path(reference), image_manifest(CONFIG)).status == 400


def test_what_is_no_tag_is_refused(registry: Registry) -> None:
    answer = registry.ask("GET", path("-x"))
    assert (answer.status, answer.error[0]) == (400, "TAG_INVALID")


@pytest.mark.parametrize("content", [b"", b"x", b"[]", b"{}", b"[" * 50_000, b'{"schemaVersion":1}'])
def test_what_is_no_manifest_is_refused_as_ecr_does(registry: Registry, content: bytes) -> None:
    answer = registry.put_manifest("team/app", "v1", content)
    assert (answer.status, answer.error) == (405, NOT_A_MANIFEST)


@pytest.mark.parametrize("kind", ["text/plain", manifests.OCI_INDEX])
def test_a_manifest_must_be_of_the_type_that_it_comes_with(registry: Registry, kind: str) -> None:
    pushed(registry)
    answer = registry.put_manifest("team/app", "v1", image_manifest(CONFIG, LAYER), kind)
    assert (answer.status, answer.error) == (405, NOT_A_MANIFEST)


def test_a_manifest_without_a_type_is_what_it_looks_like(registry: Registry) -> None:
    pushed(registry)
    assert registry.put_manifest("team/app", "v2", image_manifest(CONFIG, LAYER, mediaType=None), None).status == 201
    assert registry.ask("GET", path("v2")).headers["Content-Type"] == manifests.OCI_IMAGE


def test_four_mebibytes_are_enough_for_a_manifest(registry: Registry) -> None:
    padding = "x" * manifests.LARGEST
    content = image_manifest(CONFIG, annotations={"x": padding})
    for body in (content, iter([content])):
        answer = registry.ask("PUT", path("v1"), body, {"Content-Type": manifests.OCI_IMAGE})
        assert (answer.status, answer.error[0]) == (413, "SIZE_INVALID")


def test_layers_must_be_here_before_the_manifest(registry: Registry) -> None:
    registry.push_blob("team/app", b"here")
    manifest = image_manifest(CONFIG, b"missing", b"here", b"gone")
    answer = registry.put_manifest("team/app", "v1", manifest)
    missing = ",".join(digest_of(blob) for blob in (b"missing", b"gone", CONFIG))
    assert answer.status == 404
    assert answer.error == (
        "BLOB_UPLOAD_UNKNOWN",
        f"Layers with digests '[{missing}]' required for pushing image into repository with name 'team/app' in the "
        "registry with id '123456789012' do not exist",
    )
    assert registry.ask("GET", path("v1")).status == 404


def test_a_layer_of_another_size_is_not_that_layer(registry: Registry) -> None:
    pushed(registry)
    document = json.loads(image_manifest(CONFIG, LAYER))
    document["layers"][0]["size"] += 1
    answer = registry.put_manifest("team/app", "v1", json.dumps(document).encode())
    assert (answer.status, answer.error[0]) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_layers_that_are_kept_elsewhere_need_not_be_here(registry: Registry) -> None:
    registry.push_blob("team/app", CONFIG)
    foreign = {**descriptor(b"windows", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"), "urls": ["x://y"]}
    assert registry.put_manifest("team/app", "v1", image_manifest(CONFIG, layers=[foreign])).status == 201


def test_an_index_names_images_that_are_here(registry: Registry) -> None:
    image = pushed(registry)
    refused = registry.put_manifest("team/app", "all", index_manifest(image, b"missing"), manifests.OCI_INDEX)
    assert refused.status == 404
    assert refused.error == (
        "MANIFEST_BLOB_UNKNOWN",
        f"Images with digests '[{digest_of(b'missing')}]' required for pushing image into repository with name "
        "'team/app' in the registry with id '123456789012' do not exist",
    )
    index = index_manifest(image)
    assert registry.put_manifest("team/app", "all", index, manifests.OCI_INDEX).status == 201
    nested = json.dumps({**json.loads(index), "manifests": [descriptor(index, manifests.OCI_INDEX)]}).encode()
    assert registry.put_manifest("team/app", "nested", nested, manifests.OCI_INDEX).status == 201
    assert registry.ask("GET", path("all")).headers["Content-Type"] == manifests.OCI_INDEX


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_repository_that_is_not_there_is_unknown(registry: Registry, method: str) -> None:
    answer = registry.ask(method, path("v1", "nope"), image_manifest(CONFIG))
    assert answer.status == 404
    assert answer.error == (
        "NAME_UNKNOWN",
        "The repository with name 'nope' does not exist in the registry with id '123456789012'",
    )


@pytest.mark.parametrize("reference", ["v1", MISSING])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_image_that_is_not_there_is_unknown(registry: Registry, method: str, reference: str) -> None:
    answer = registry.ask(method, path(reference))
    assert (answer.status, answer.error) == (404, ("MANIFEST_UNKNOWN", "Requested image not found"))


def test_a_pull_is_remembered_and_a_look_is_not(registry: Registry) -> None:
    pushed(registry, "v1")
    registry.ask("HEAD", path("v1"))
    assert _last_pulled(registry) is None
    registry.ask("GET", path("v1"))
    first = registry.clock.now()
    assert _last_pulled(registry) == first
    registry.clock.advance(30)
    registry.ask("GET", path("v1"))
    assert _last_pulled(registry) == first
    registry.clock.advance(30)
    registry.ask("GET", path("v1"))
    assert _last_pulled(registry) == registry.clock.now()


def _last_pulled(registry: Registry) -> float | None:
    with registry.store.snapshot() as tx:
        (image,) = tx.find(Image)
    return image.last_pulled_at


# --- deleting -------------------------------------------------------------------------------------------------------------


def test_deleting_a_tag_takes_the_tag_only(registry: Registry) -> None:
    manifest = pushed(registry, "v1", "v2")
    assert registry.ask("DELETE", path("v1")).status == 202
    assert registry.ask("GET", path("v1")).status == 404
    assert registry.ask("GET", path("v2")).content == manifest


def test_deleting_a_digest_takes_the_image_and_all_its_tags(registry: Registry) -> None:
    manifest = pushed(registry, "v1", "v2")
    assert registry.ask("DELETE", path(digest_of(manifest))).status == 202
    for reference in ("v1", "v2", digest_of(manifest)):
        assert registry.ask("GET", path(reference)).status == 404
    assert registry.put_manifest("team/app", "v1", manifest).status == 201


def test_an_image_of_an_index_is_not_deleted(registry: Registry) -> None:
    image = pushed(registry)
    index = index_manifest(image)
    registry.put_manifest("team/app", "all", index, manifests.OCI_INDEX)
    refused = registry.ask("DELETE", path(digest_of(image)))
    assert refused.status == 405
    assert refused.error == ("UNSUPPORTED", f"Requested image referenced by manifest list: [{digest_of(index)}]")
    assert registry.ask("DELETE", path(digest_of(index))).status == 202
    assert registry.ask("DELETE", path(digest_of(image))).status == 202


# --- listing --------------------------------------------------------------------------------------------------------------


def test_the_tags_are_listed_in_their_order(registry: Registry) -> None:
    assert registry.ask("GET", "/v2/team/app/tags/list").document == {"name": "team/app", "tags": []}
    pushed(registry, "b", "a", "C")
    assert registry.ask("GET", "/v2/team/app/tags/list").document["tags"] == ["C", "a", "b"]


def test_tags_are_listed_page_by_page(registry: Registry) -> None:
    pushed(registry, "a", "b", "c")
    first = registry.ask("GET", "/v2/team/app/tags/list?n=2")
    assert first.document["tags"] == ["a", "b"]
    assert first.headers["Link"] == '</v2/team/app/tags/list?last=b&n=2>; rel="next"'
    second = registry.ask("GET", "/v2/team/app/tags/list?last=b&n=2")
    assert (second.document["tags"], second.headers["Link"]) == (["c"], None)
    assert registry.ask("GET", "/v2/team/app/tags/list?last=aa").document["tags"] == ["b", "c"]
    none = registry.ask("GET", "/v2/team/app/tags/list?n=0")
    assert (none.document["tags"], none.headers["Link"]) == ([], None)


@pytest.mark.parametrize("listing", ["/v2/team/app/tags/list", "/v2/_catalog"])
def test_a_page_has_a_size_and_at_most_1000(registry: Registry, listing: str) -> None:
    for wrong in ("x", "-1", "", "1.5"):
        assert registry.ask("GET", f"{listing}?n={wrong}").status == 400
    answer = registry.ask("GET", f"{listing}?n=10000")
    assert answer.status == 405
    assert answer.error == (
        "UNSUPPORTED",
        "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to "
        "1000'",
    )


def test_tags_of_a_repository_that_is_not_there_are_unknown(registry: Registry) -> None:
    answer = registry.ask("GET", "/v2/nope/tags/list")
    assert (answer.status, answer.error[0]) == (404, "NAME_UNKNOWN")


def test_the_catalog_has_the_repositories_of_one_registry(registry: Registry) -> None:
    registry.create("elsewhere", world=World("999999999999", "us-east-1"))
    registry.create("elsewhere", world=World(WORLD.account, "eu-west-1"))
    assert registry.ask("GET", "/v2/_catalog").document == {"repositories": ["other", "team/app"]}
    page = registry.ask("GET", "/v2/_catalog?n=1")
    assert page.document == {"repositories": ["other"]}
    assert page.headers["Link"] == '</v2/_catalog?last=other&n=1>; rel="next"'
    assert registry.ask("GET", "/v2/_catalog?last=other&n=1").document == {"repositories": ["team/app"]}


# --- referrers ------------------------------------------------------------------------------------------------------------


def test_who_refers_to_an_image_is_listed(registry: Registry) -> None:
    image = pushed(registry, "v1")
    signature = image_manifest(
        CONFIG,
        LAYER,
        artifactType="application/x-signature",
        subject=descriptor(image, manifests.OCI_IMAGE),
        annotations={"by": "me"},
    )
    answer = registry.put_manifest("team/app", digest_of(signature), signature)
    assert (answer.status, answer.headers["OCI-Subject"]) == (201, digest_of(image))
    referrers = f"/v2/team/app/referrers/{digest_of(image)}"
    listed = registry.ask("GET", referrers)
    assert listed.headers["Content-Type"] == manifests.OCI_INDEX
    assert listed.document == {
        "schemaVersion": 2,
        "mediaType": manifests.OCI_INDEX,
        "manifests": [
            {
                **descriptor(signature, manifests.OCI_IMAGE),
                "artifactType": "application/x-signature",
                "annotations": {"by": "me"},
            }
        ],
    }
    filtered = registry.ask("GET", f"{referrers}?artifactType=application/x-other")
    assert (filtered.document["manifests"], filtered.headers["OCI-Filters-Applied"]) == ([], "artifactType")
    registry.ask("DELETE", path(digest_of(signature)))
    assert registry.ask("GET", referrers).document["manifests"] == []


def test_a_subject_need_not_exist(registry: Registry) -> None:
    assert registry.ask("GET", f"/v2/team/app/referrers/{MISSING}").document["manifests"] == []
    for blob in (CONFIG, LAYER):
        registry.push_blob("team/app", blob)
    subject = {"mediaType": manifests.OCI_IMAGE, "digest": MISSING, "size": 1}
    answer = registry.put_manifest("team/app", "sig", image_manifest(CONFIG, LAYER, subject=subject))
    assert (answer.status, answer.headers["OCI-Subject"]) == (201, MISSING)
    assert registry.ask("GET", "/v2/team/app/referrers/sha256:x").status == 400


# --- crooked requests -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("POST", "/v2/team/app/manifests/v1", 405),
        ("PATCH", "/v2/team/app/manifests/v1", 405),
        ("POST", "/v2/team/app/tags/list", 405),
        ("DELETE", "/v2/_catalog", 405),
        ("GET", "/v2/Team/manifests/v1", 400),
        ("GET", "/v2/%2e%2e%2fx/manifests/v1", 400),
        ("GET", "/v2/team/app", 404),
        ("GET", "/v2/team/app/nothing", 404),
    ],
)
def test_every_refusal_is_the_specification_s_document(
    registry: Registry, method: str, target: str, status: int
) -> None:
    answer = registry.ask(method, target)
    assert answer.status == status
    (error,) = answer.document["errors"]
    assert set(error) == {"code", "message"}
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


def test_a_bug_is_an_answer_too(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*anything: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr("ecs_emulator.registry.images.repository", fails)
    for target in ("/v2/team/app/tags/list", f"/v2/team/app/blobs/{MISSING}"):
        answer = registry.ask("GET", target)
        assert (answer.status, answer.error[0]) == (500, "UNKNOWN")
    assert "on purpose" in caplog.text
