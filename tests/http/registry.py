"""A registry of the test's own on a free port: what docker would talk to, and a client that speaks as plainly as it can."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from flask import Flask

from ecs_emulator.arns import World
from ecs_emulator.clock import ManualClock
from ecs_emulator.config import Config
from ecs_emulator.http import oci
from ecs_emulator.http.server import Server
from ecs_emulator.records.ecr import Repository, TagMutability
from ecs_emulator.registry import manifests, tokens
from ecs_emulator.store import Store

WORLD = World("123456789012", "us-east-1")


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> tuple[str, str]:
        """Code and message of the one error in the body."""
        (only,) = self.document["errors"]
        return only["code"], only["message"]


@dataclass
class Registry:
    """Lives as long as its `with`; every request is a connection of its own unless `connection` is used."""

    directory: Path
    anonymous: bool = False
    clock: ManualClock = field(default_factory=ManualClock)
    token: str | None = None

    def __enter__(self) -> Registry:
        config = Config(data_dir=self.directory, ephemeral=True, registry_anonymous=self.anonymous)
        self.store = Store(self.directory, durable=False)
        app = Flask("registry", static_folder=None)
        self.door = oci.mount(app, self.store, self.clock, config)
        self.server = Server("127.0.0.1", 0)
        self.server.mount(app, self.door)
        self.server.start()
        if self.token is None:
            self.token = self.login()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.stop()
        self.store.close()

    @property
    def address(self) -> str:
        return f"localhost:{self.server.port}"

    def login(self, world: World = WORLD) -> str:
        return tokens.issue(tokens.ensure_signing_key(self.store), world, world.root_arn, self.clock.now())

    def create(self, name: str, mutability: TagMutability = TagMutability.MUTABLE, world: World = WORLD) -> Repository:
        repository = Repository(
            world.account,
            world.region,
            name,
            world.arn("ecr", f"repository/{name}"),
            self.clock.now(),
            tag_mutability=mutability,
        )
        with self.store.transaction() as tx:
            tx.put(repository)
        return repository

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: dict[str, str] | None = None,
        connection: http.client.HTTPConnection | None = None,
    ) -> Answer:
        """One request with the registry's token, and its answer read whole."""
        used = connection or self.connection()
        given = {"Authorization": f"Basic {tokens.authorization(self.token or '')}", **(headers or {})}
        try:
            used.request(method, path, body, given, encode_chunked=not isinstance(body, bytes | None))
            answer = used.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            if connection is None:
                used.close()

    def begin(self, name: str) -> str:
        answer = self.ask("POST", f"/v2/{name}/blobs/uploads/")
        assert answer.status == 202, answer
        return answer.headers["Location"]

    def push_blob(self, name: str, content: bytes) -> str:
        digest = digest_of(content)
        answer = self.ask("PUT", f"{self.begin(name)}?digest={digest}", content)
        assert answer.status == 201, answer
        return digest

    def push_image(self, name: str, tag: str, content: bytes = b"layer") -> str:
        """A small image of one layer under this tag; its digest."""
        config = json.dumps({"of": tag, "layer": digest_of(content)}).encode()
        for blob in (content, config):
            self.push_blob(name, blob)
        manifest = image_manifest(config, content)
        answer = self.put_manifest(name, tag, manifest)
        assert answer.status == 201, answer
        return digest_of(manifest)

    def put_manifest(
        self, name: str, reference: str, manifest: bytes, kind: str | None = manifests.OCI_IMAGE
    ) -> Answer:
        headers = {} if kind is None else {"Content-Type": kind}
        return self.ask("PUT", f"/v2/{name}/manifests/{reference}", manifest, headers)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def descriptor(content: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def image_manifest(config: bytes, *layers: bytes, **members: Any) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": manifests.OCI_IMAGE,
        "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
        "layers": [descriptor(layer, "application/vnd.oci.image.layer.v1.tar+gzip") for layer in layers],
        **members,
    }
    return json.dumps(document).encode()


def index_manifest(*images: bytes, **members: Any) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": manifests.OCI_INDEX,
        "manifests": [descriptor(image, manifests.OCI_IMAGE) for image in images],
        **members,
    }
    return json.dumps(document).encode()
