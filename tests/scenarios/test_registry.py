"""Images go the way they go on AWS: docker logs in and pushes, a task pulls, skopeo copies to and fro."""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from docker.errors import ImageNotFound

from tests.images import build_context
from tests.scenarios.cluster import Cluster, Document, address_of, container_of
from tests.scenarios.conftest import ON_DOCKER, Servers
from tests.scenarios.engine import Witness
from tests.scenarios.server import free_port, page
from tests.scenarios.terminal import Terminal, terminal_of
from tests.scenarios.waiting import eventually

pytestmark = pytest.mark.engine

WEB = "exec /bin/sh /bin/web"


class Shop:
    """One repository, and the images of it that the engine was given. Lives as long as its test."""

    def __init__(self, cluster: Cluster, terminal: Terminal, engine: Witness) -> None:
        self.cluster, self.terminal, self.engine = cluster, terminal, engine
        self.ecr = cluster.server.client("ecr")
        self.name = f"shop-{uuid.uuid4().hex[:10]}/web"
        answer = terminal.aws("ecr", "create-repository", "--repository-name", self.name)
        self.uri: str = answer["repository"]["repositoryUri"]
        self.on_aws = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{self.name}"

    def push(self, image: str, tag: str) -> str:
        """The digest that docker tells; the engine forgets the name."""
        self.terminal.types("docker", "tag", image, f"{self.uri}:{tag}")
        said = self.terminal.types("docker", "push", f"{self.uri}:{tag}")
        self.terminal.types("docker", "image", "rm", f"{self.uri}:{tag}")
        assert f"{tag}: digest: sha256:" in said
        return said.partition("digest: ")[2].split()[0]

    def images(self) -> list[Document]:
        found: list[Document] = self.ecr.describe_images(repositoryName=self.name)["imageDetails"]
        return found

    def tags(self) -> dict[str, str]:
        """The digest under each tag."""
        return {tag: str(one["imageDigest"]) for one in self.images() for tag in one.get("imageTags", ())}

    def close(self) -> None:
        for arn in self.cluster.tasks():
            self.cluster.stop(arn)
        self.ecr.delete_repository(repositoryName=self.name, force=True)
        found = [
            name
            for image in self.engine.api.images()
            for key in ("RepoTags", "RepoDigests")
            for name in image[key] or ()
        ]
        for name in (one for one in found if self.name in one):
            with suppress(ImageNotFound):  # it went with another of its names
                self.engine.api.remove_image(name, force=True)


@pytest.fixture
def terminal(cluster: Cluster, tmp_path: Path) -> Terminal:
    return terminal_of(cluster.server, tmp_path)


@pytest.fixture
def shop(cluster: Cluster, terminal: Terminal, engine: Witness) -> Iterator[Shop]:
    shop = Shop(cluster, terminal, engine)
    yield shop
    shop.close()


def test_what_docker_builds_and_pushes_runs_as_a_task_under_both_names(
    shop: Shop, cluster: Cluster, terminal: Terminal, tmp_path: Path
) -> None:
    assert shop.uri == f"localhost:{cluster.server.port}/{shop.name}"
    assert "Login Succeeded" in terminal.login()
    built = f"{shop.name}-built:1"
    terminal.types("docker", "build", "--quiet", "--tag", built, build_context("web", tmp_path / "context"))
    digest = shop.push(built, "1")
    terminal.types("docker", "image", "rm", built)

    described = ("describe-images", "--repository-name", shop.name, "--image-ids", "imageTag=1")
    (image,) = terminal.aws("ecr", *described)["imageDetails"]
    assert (image["imageDigest"], image["imageTags"]) == (digest, ["1"])
    assert image["imageSizeInBytes"] > 0
    for name in (f"{shop.uri}:1", f"{shop.on_aws}:1", f"{shop.on_aws}@{digest}"):
        arn = cluster.run({**cluster.container(WEB), "image": name})
        task = cluster.running(arn)
        assert (container_of(task)["image"], container_of(task)["imageDigest"]) == (name, digest)
        url = f"http://{address_of(task)}:8080/"
        assert eventually("the page", lambda url=url: page(url)) == "web 1"  # type: ignore[misc]
        cluster.stop(arn)

    terminal.types("docker", "pull", "--quiet", f"{shop.uri}:1")
    assert terminal.types("docker", "run", "--rm", "--entrypoint", "/bin/cat", f"{shop.uri}:1", "/bin/web")


def test_a_moved_tag_hits_the_next_task_and_no_other(
    shop: Shop, cluster: Cluster, terminal: Terminal, images: Callable[[int], str]
) -> None:
    terminal.login()
    first = shop.push(images(1), "latest")
    definition = cluster.register({**cluster.container(WEB), "image": shop.on_aws})
    old = cluster.running(cluster.run_definition(definition))
    second = shop.push(images(2), "latest")
    new = cluster.running(cluster.run_definition(definition))
    assert [container_of(task)["imageDigest"] for task in (old, new)] == [first, second]
    for task, version in ((old, "web 1"), (new, "web 2")):
        url = f"http://{address_of(task)}:8080/"
        assert eventually("the page", lambda url=url: page(url)) == version  # type: ignore[misc]
    assert shop.tags() == {"latest": second}
    assert first in {one["imageDigest"] for one in shop.images()}


def test_without_a_login_nothing_goes_in_or_out(shop: Shop, terminal: Terminal, image: str) -> None:
    terminal.types("docker", "tag", image, f"{shop.uri}:1")
    refused = terminal.tries("docker", "push", f"{shop.uri}:1")
    assert refused.returncode != 0
    assert "no basic auth credentials" in refused.stderr
    assert shop.images() == []
    host = f"localhost:{shop.cluster.server.port}"
    denied = terminal.tries("docker", "login", "--username", "AWS", "--password-stdin", host, stdin="wrong")
    assert denied.returncode != 0


def test_a_repository_that_is_not_there_takes_nothing(shop: Shop, terminal: Terminal, image: str) -> None:
    terminal.login()
    missing = f"{shop.uri}-missing:1"
    terminal.types("docker", "tag", image, missing)
    refused = terminal.tries("docker", "push", missing)
    assert refused.returncode != 0
    assert (
        f"The repository with name '{shop.name}-missing' does not exist in the registry with id '123456789012'"
        in refused.stderr
    )


def test_what_was_pushed_can_be_read_retagged_and_deleted_by_the_api(
    shop: Shop, cluster: Cluster, terminal: Terminal, image: str
) -> None:
    terminal.login()
    digest = shop.push(image, "1")
    (read,) = shop.ecr.batch_get_image(repositoryName=shop.name, imageIds=[{"imageTag": "1"}])["images"]
    manifest = json.loads(read["imageManifest"])
    assert read["imageId"] == {"imageDigest": digest, "imageTag": "1"}
    shop.ecr.put_image(repositoryName=shop.name, imageManifest=read["imageManifest"], imageTag="same",
                       imageManifestMediaType=manifest["mediaType"])  # fmt: skip
    assert shop.tags() == {"1": digest, "same": digest}
    cluster.running(cluster.run({**cluster.container(), "image": f"{shop.on_aws}:same"}))
    with pytest.raises(ClientError, match="cannot be deleted because it still contains images"):
        shop.ecr.delete_repository(repositoryName=shop.name)
    shop.ecr.batch_delete_image(repositoryName=shop.name, imageIds=[{"imageDigest": digest}])
    assert shop.tags() == {}
    ended = cluster.stopped(cluster.run({**cluster.container(), "image": f"{shop.on_aws}:same"}))
    assert ended["stoppedReason"].startswith("CannotPullContainerError: ")


def test_skopeo_copies_in_and_out(shop: Shop, terminal: Terminal, image: str, tmp_path: Path) -> None:
    if shutil.which("skopeo", path=terminal.environment["PATH"]) is None:
        pytest.skip("skopeo is not installed")
    password = terminal.aws("ecr", "get-login-password")
    archive = tmp_path / "image.tar"
    terminal.types("docker", "save", "--output", archive, image)
    there, back = f"docker://{shop.uri}:copied", tmp_path / "back"
    skopeo = ("skopeo", "copy", "--quiet")
    terminal.types(
        *skopeo, "--dest-tls-verify=false", "--dest-creds", f"AWS:{password}", f"docker-archive:{archive}", there
    )
    terminal.types(*skopeo, "--src-tls-verify=false", "--src-creds", f"AWS:{password}", there, f"oci:{back}:copied")
    (manifest,) = json.loads((back / "index.json").read_text())["manifests"]
    assert len(list((back / "blobs" / "sha256").iterdir())) >= 3
    terminal.types(
        *skopeo, "--dest-tls-verify=false", "--dest-creds", f"AWS:{password}", f"oci:{back}:copied", f"{there}-again"
    )
    assert sorted(shop.tags()) == ["copied", "copied-again"]
    assert shop.tags()["copied-again"] == manifest["digest"]
    inspected = terminal.types("skopeo", "inspect", "--tls-verify=false", "--creds", f"AWS:{password}", there)
    assert json.loads(inspected)["RepoTags"] == ["copied", "copied-again"]


def test_an_open_registry_asks_nobody_who_they_are(
    servers: Servers, engine: Witness, image: str, tmp_path: Path
) -> None:
    server = servers.start("--ephemeral", "--registry-anonymous", *ON_DOCKER)
    cluster = Cluster(server, f"c{uuid.uuid4().hex[:10]}", image)
    with closing(Shop(cluster, terminal_of(server, tmp_path), engine)) as shop:
        digest = shop.push(image, "1")
        assert shop.tags() == {"1": digest}
        shop.terminal.types("docker", "pull", "--quiet", f"{shop.uri}:1")
        cluster.running(cluster.run({**cluster.container(), "image": f"{shop.on_aws}:1"}))
    assert server.end() == 0


@pytest.fixture
def bulky(engine: Witness) -> Iterator[str]:
    """An image of 24 MB that nothing can make smaller."""
    name = f"ecs-emulator-bulky-{uuid.uuid4().hex[:12]}"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number in range(3):
            entry = tarfile.TarInfo(f"noise-{number}")
            entry.size = 8_000_000
            archive.addfile(entry, io.BytesIO(random.Random(number).randbytes(entry.size)))
    engine.api.import_image_from_data(buffer.getvalue(), repository=name, tag="1")
    yield f"{name}:1"
    with suppress(ImageNotFound):
        engine.api.remove_image(f"{name}:1", force=True)


def test_a_push_that_a_shot_cut_off_is_repeated_and_whole(
    servers: Servers, engine: Witness, image: str, bulky: str, tmp_path: Path
) -> None:
    words = ("--data-dir", tmp_path / "data", "--port", str(free_port()), *ON_DOCKER)
    server = servers.start(*words)
    terminal = terminal_of(server, tmp_path)
    cluster = Cluster(server, f"c{uuid.uuid4().hex[:10]}", image)
    with closing(Shop(cluster, terminal, engine)) as shop:
        terminal.login()
        terminal.types("docker", "tag", bulky, f"{shop.uri}:1")
        push = ("docker", "push", "--quiet", f"{shop.uri}:1")
        pushing = subprocess.Popen(push, env=terminal.environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        blobs = tmp_path / "data" / "registry"
        eventually("bytes of the layer", lambda: stored(blobs) > 1_000_000 or pushing.poll() is not None)
        server.shoot()
        server = servers.start(*words)
        pushing.wait(60)
        digest = shop.push(bulky, "1")
        assert shop.tags()["1"] == digest
        known = ("docker", "image", "inspect", "--format", "{{.Id}}")
        before = terminal.types(*known, bulky)
        terminal.types("docker", "image", "rm", bulky)
        terminal.types("docker", "pull", "--quiet", f"{shop.uri}:1")
        assert terminal.types(*known, f"{shop.uri}:1") == before
    assert server.end() == 0


def stored(directory: Path) -> int:
    """Bytes in all its files; those that vanish meanwhile count nothing."""
    found = 0
    for path in directory.rglob("*") if directory.exists() else ():
        with suppress(FileNotFoundError):
            found += path.stat().st_size if path.is_file() else 0
    return found
