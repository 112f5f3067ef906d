"""Blobs through the door: every way of uploading, every way of reading, and every way of getting it wrong."""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
import threading
import time
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.arns import World
from ecs_emulator.http.blob_door import BlobDoor
from ecs_emulator.http.oci_entrance import Entrance
from ecs_emulator.ids import Ids
from ecs_emulator.records.ecr import LayerUpload
from ecs_emulator.registry import tokens
from ecs_emulator.registry.blobs import BlobStore
from ecs_emulator.registry.uploads import Uploads
from tests.http.registry import Answer, Registry, digest_of

UPLOADS = "/v2/team/app/blobs/uploads/"
HELLO = b"hello registry"
DIGEST = digest_of(HELLO)
BLOB = f"/v2/team/app/blobs/{DIGEST}"
NO_SUCH_REPOSITORY = (
    "NAME_UNKNOWN",
    "The repository with name 'nope' does not exist in the registry with id '123456789012'",
)


def blob_files(registry: Registry) -> list[Path]:
    return [path for path in (registry.directory / "registry" / "blobs").rglob("*") if path.is_file()]


def read(registry: Registry, digest: str = DIGEST, name: str = "team/app") -> Answer:
    return registry.ask("GET", f"/v2/{name}/blobs/{digest}")


# --- uploading ------------------------------------------------------------------------------------------------------------


def test_a_new_upload_says_where_it_is_and_that_it_is_empty(registry: Registry) -> None:
    answer = registry.ask("POST", UPLOADS)
    assert answer.status == 202
    assert answer.headers["Range"] == "0-0"
    assert answer.headers["Location"] == UPLOADS + answer.headers["Docker-Upload-UUID"]
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert answer.headers["Content-Length"] == "0"


def test_the_slash_behind_uploads_may_be_left_out(registry: Registry) -> None:
    assert registry.ask("POST", UPLOADS.rstrip("/")).status == 202


def test_docker_s_way_one_stream_without_a_length_then_a_digest(registry: Registry) -> None:
    location = registry.begin("team/app")
    answer = registry.ask("PATCH", location, iter([HELLO[:5], HELLO[5:]]))
    assert (answer.status, answer.headers["Range"]) == (202, f"0-{len(HELLO) - 1}")
    answer = registry.ask("PUT", f"{answer.headers['Location']}?digest={DIGEST.replace(':', '%3A')}")
    assert (answer.status, answer.headers["Location"]) == (201, BLOB)
    assert answer.headers["Docker-Content-Digest"] == DIGEST
    assert read(registry).content == HELLO


def test_containerd_s_way_the_body_comes_with_the_digest(registry: Registry) -> None:
    answer = registry.ask("PUT", f"{registry.begin('team/app')}?digest={DIGEST}", HELLO)
    assert answer.status == 201
    assert read(registry).content == HELLO


def test_one_request_is_enough(registry: Registry) -> None:
    answer = registry.ask("POST", f"{UPLOADS}?digest={DIGEST}", HELLO)
    assert (answer.status, answer.headers["Location"]) == (201, BLOB)
    assert read(registry).content == HELLO


def test_chunks_with_ranges_in_their_order(registry: Registry) -> None:
    location = registry.begin("team/app")
    first = registry.ask("PATCH", location, HELLO[:5], {"Content-Range": "0-4"})
    assert (first.status, first.headers["Range"]) == (202, "0-4")
    second = registry.ask("PATCH", location, HELLO[5:9], {"Content-Range": "bytes 5-8/*"})
    assert (second.status, second.headers["Range"]) == (202, "0-8")
    last = {"Content-Range": f"9-{len(HELLO) - 1}"}
    assert registry.ask("PUT", f"{location}?digest={DIGEST}", HELLO[9:], last).status == 201
    assert read(registry).content == HELLO


@pytest.mark.parametrize("span", ["5-8", "1-4", "100-103"])
def test_a_chunk_out_of_order_is_refused_and_the_upload_goes_on(registry: Registry, span: str) -> None:
    location = registry.begin("team/app")
    registry.ask("PATCH", location, HELLO[:2])
    refused = registry.ask("PATCH", location, b"xxxx", {"Content-Range": span})
    assert (refused.status, refused.error[0]) == (416, "BLOB_UPLOAD_INVALID")
    assert (refused.headers["Range"], refused.headers["Location"]) == ("0-1", location)
    told = registry.ask("GET", location)
    assert (told.status, told.headers["Range"]) == (204, "0-1")
    assert registry.ask("PATCH", location, HELLO[2:], {"Content-Range": f"2-{len(HELLO) - 1}"}).status == 202
    assert registry.ask("PUT", f"{location}?digest={DIGEST}").status == 201


def test_a_chunk_that_lies_about_its_size_is_refused(registry: Registry) -> None:
    location = registry.begin("team/app")
    for body in (HELLO, iter([HELLO])):
        refused = registry.ask("PATCH", location, body, {"Content-Range": "0-3"})
        assert (refused.status, refused.error[0]) == (400, "SIZE_INVALID")
        assert registry.ask("GET", location).headers["Range"] == "0-0"
    assert registry.ask("PUT", f"{location}?digest={DIGEST}", HELLO).status == 201


@pytest.mark.parametrize("span", ["x", "4-3", "bytes=0-", "-5"])
def test_what_is_no_range_is_refused(registry: Registry, span: str) -> None:
    answer = registry.ask("PATCH", registry.begin("team/app"), b"abc", {"Content-Range": span})
    assert (answer.status, answer.error[0]) == (400, "BLOB_UPLOAD_INVALID")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_wrong_digest_leaves_nothing_behind(registry: Registry, method: str) -> None:
    wrong = digest_of(b"something else")
    if method == "POST":
        refused = registry.ask("POST", f"{UPLOADS}?digest={wrong}", HELLO)
    else:
        location = registry.begin("team/app")
        if method == "PATCH":
            registry.ask("PATCH", location, HELLO)
        refused = registry.ask("PUT", f"{location}?digest={wrong}", HELLO if method == "PUT" else None)
        assert registry.ask("GET", location).status == 404
    assert (refused.status, refused.error[0]) == (400, "DIGEST_INVALID")
    assert read(registry, wrong).status == read(registry).status == 404
    assert blob_files(registry) == []
    with registry.store.snapshot() as tx:
        assert tx.count(LayerUpload) == 0


@pytest.mark.parametrize("digest", ["", "?digest=", "?digest=sha256:../../x", "?digest=md5:00", "?digest=sha256:AB"])
def test_what_is_no_digest_is_refused_before_the_body_is_read(registry: Registry, digest: str) -> None:
    location = registry.begin("team/app")
    refused = registry.ask("PUT", location + digest, HELLO)
    assert (refused.status, refused.error[0]) == (400, "DIGEST_INVALID")
    assert registry.ask("PUT", f"{location}?digest={DIGEST}", HELLO).status == 201


def test_the_empty_blob_can_be_pushed_and_read(registry: Registry) -> None:
    assert read(registry, registry.push_blob("team/app", b"")).content == b""


def test_content_may_be_named_by_sha512(registry: Registry) -> None:
    digest = f"sha512:{hashlib.sha512(HELLO).hexdigest()}"
    assert registry.ask("PUT", f"{registry.begin('team/app')}?digest={digest}", HELLO).status == 201
    assert read(registry, digest).content == HELLO


def test_a_second_push_of_the_same_content_is_done_at_once(registry: Registry) -> None:
    registry.push_blob("team/app", HELLO)
    registry.push_blob("team/app", HELLO)
    assert len(blob_files(registry)) == 1


def test_a_cancelled_upload_is_gone(registry: Registry) -> None:
    location = registry.begin("team/app")
    registry.ask("PATCH", location, HELLO)
    assert registry.ask("DELETE", location).status == 204
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        answer = registry.ask(method, f"{location}?digest={DIGEST}")
        assert (answer.status, answer.error[0]) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert list((registry.directory / "registry" / "uploads").iterdir()) == []


def test_an_upload_belongs_to_its_repository_and_its_account(registry: Registry) -> None:
    upload_id = registry.begin("team/app").rpartition("/")[2]
    answer = registry.ask("GET", f"/v2/other/blobs/uploads/{upload_id}")
    assert (answer.status, answer.error[0]) == (404, "BLOB_UPLOAD_UNKNOWN")
    stranger = World("999999999999", "us-east-1")
    registry.create("team/app", world=stranger)
    registry.token = registry.login(stranger)
    assert registry.ask("GET", UPLOADS + upload_id).status == 404


def test_nothing_is_uploaded_to_a_repository_that_is_not_there(registry: Registry) -> None:
    answer = registry.ask("POST", "/v2/nope/blobs/uploads/")
    assert (answer.status, answer.error) == (404, NO_SUCH_REPOSITORY)


def test_a_push_refused_early_is_answered_though_its_body_still_comes(registry: Registry) -> None:
    body = (bytes(65536) for _ in range(100))
    answer = registry.ask("PATCH", "/v2/nope/blobs/uploads/x", body)
    assert (answer.status, answer.error) == (404, NO_SUCH_REPOSITORY)


def test_what_arrived_before_the_client_vanished_need_not_be_sent_again(registry: Registry) -> None:
    location = registry.begin("team/app")
    content = bytes(range(256)) * 4096
    with socket.create_connection(("127.0.0.1", registry.server.port), timeout=10) as sock:
        head = f"PATCH {location} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n"
        sock.sendall(f"{head}Authorization: Basic {tokens.authorization(registry.token or '')}\r\n\r\n".encode())
        sock.sendall(content[:600_000])
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    told = registry.ask("GET", location)
    offset = int(told.headers["Range"].partition("-")[2]) + 1
    assert offset == 600_000
    rest = {"Content-Range": f"{offset}-{len(content) - 1}"}
    assert registry.ask("PATCH", location, content[offset:], rest).status == 202
    assert registry.ask("PUT", f"{location}?digest={digest_of(content)}").status == 201
    assert read(registry, digest_of(content)).content == content


def test_an_upload_outlives_the_server(tmp_path: Path) -> None:
    with Registry(tmp_path) as registry:
        registry.create("team/app")
        location = registry.begin("team/app")
        registry.ask("PATCH", location, HELLO[:5])
        port_before, token = registry.server.port, registry.token
    with Registry(tmp_path, token=token) as registry:
        assert (registry.server.port, registry.ask("GET", location).headers["Range"]) != (port_before, "0-0")
        assert registry.ask("PATCH", location, HELLO[5:]).status == 202
        assert registry.ask("PUT", f"{location}?digest={DIGEST}").status == 201
        assert read(registry).content == HELLO


def test_two_requests_do_not_mix_their_bytes(registry: Registry) -> None:
    location = registry.begin("team/app")
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield HELLO[:5]
        begun.set()
        go_on.wait(10)
        yield HELLO[5:]

    answers: list[Answer] = []
    first = threading.Thread(target=lambda: answers.append(registry.ask("PATCH", location, slowly())))
    first.start()
    assert begun.wait(10)
    second = _refused_while_busy(registry, location)
    go_on.set()
    first.join(10)
    assert (second.status, second.error[0]) == (416, "BLOB_UPLOAD_INVALID")
    assert answers[0].status == 202
    assert registry.ask("PUT", f"{location}?digest={DIGEST}").status == 201


def _refused_while_busy(registry: Registry, location: str) -> Answer:
    """The second writer's answer: an empty chunk that is in order changes nothing until the first one holds the upload."""
    for _ in range(1000):
        answer = registry.ask("PATCH", location, b"", {"Content-Length": "0"})
        if answer.status != 202:
            return answer
    raise AssertionError("the first writer never began")


# --- mounting -------------------------------------------------------------------------------------------------------------


def test_a_blob_of_another_repository_is_mounted_without_an_upload(registry: Registry) -> None:
    registry.push_blob("other", HELLO)
    answer = registry.ask("POST", f"{UPLOADS}?mount={DIGEST}&from=other")
    assert (answer.status, answer.headers["Location"]) == (201, BLOB)
    assert read(registry).content == HELLO


@pytest.mark.parametrize("query", [f"mount={DIGEST}&from=other", f"mount={DIGEST}", "mount=x&from=other", "from=other"])
def test_what_can_not_be_mounted_is_uploaded(registry: Registry, query: str) -> None:
    answer = registry.ask("POST", f"{UPLOADS}?{query}")
    assert answer.status == 202
    assert registry.ask("PUT", f"{answer.headers['Location']}?digest={DIGEST}", HELLO).status == 201


def test_nothing_is_mounted_across_accounts(registry: Registry) -> None:
    registry.push_blob("other", HELLO)
    stranger = World("999999999999", "us-east-1")
    registry.create("team/app", world=stranger)
    registry.create("other", world=stranger)
    registry.token = registry.login(stranger)
    assert registry.ask("POST", f"{UPLOADS}?mount={DIGEST}&from=other").status == 202


# --- reading --------------------------------------------------------------------------------------------------------------


def test_a_blob_says_what_it_is(registry: Registry) -> None:
    registry.push_blob("team/app", HELLO)
    for method, content in (("GET", HELLO), ("HEAD", b"")):
        answer = registry.ask(method, BLOB)
        assert (answer.status, answer.content) == (200, content)
        assert answer.headers["Content-Length"] == str(len(HELLO))
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Docker-Content-Digest"] == DIGEST
        assert answer.headers["ETag"] == f'"{DIGEST}"'
        assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=500-1499", 500, 1499),
        ("bytes=500-", 500, 1999),
        ("bytes=-500", 1500, 1999),
        ("bytes=-5000", 0, 1999),
        ("bytes=1900-9999", 1900, 1999),
        ("bytes=0-0", 0, 0),
    ],
)
def test_a_range_of_a_blob(registry: Registry, asked: str, first: int, last: int) -> None:
    content = bytes(number % 251 for number in range(2000))
    digest = registry.push_blob("team/app", content)
    answer = registry.ask("GET", f"/v2/team/app/blobs/{digest}", headers={"Range": asked})
    assert (answer.status, answer.content) == (206, content[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/2000"


@pytest.mark.parametrize("asked", ["bytes=14-", "bytes=100-200", "bytes=5-4", "bytes=-0"])
def test_a_range_outside_the_blob_is_refused(registry: Registry, asked: str) -> None:
    registry.push_blob("team/app", HELLO)
    answer = registry.ask("GET", BLOB, headers={"Range": asked})
    assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{len(HELLO)}")


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "lines=1-2", "bytes=-"])
def test_what_is_not_one_range_of_bytes_asks_for_the_whole(registry: Registry, asked: str) -> None:
    registry.push_blob("team/app", HELLO)
    answer = registry.ask("GET", BLOB, headers={"Range": asked})
    assert (answer.status, answer.content) == (200, HELLO)


def test_a_blob_is_read_only_where_it_was_pushed(registry: Registry) -> None:
    registry.push_blob("team/app", HELLO)
    answer = read(registry, name="other")
    assert (answer.status, answer.error[0]) == (404, "BLOB_UNKNOWN")
    head = registry.ask("HEAD", f"/v2/other/blobs/{DIGEST}")
    assert (head.status, head.content) == (404, b"")
    missing = read(registry, name="nope")
    assert (missing.status, missing.error) == (404, NO_SUCH_REPOSITORY)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/team/app/blobs/sha256:x", 400, "DIGEST_INVALID"),
        ("GET", "/v2/team/app/blobs/..%2f..%2fetc%2fpasswd", 404, "UNSUPPORTED"),
        ("GET", "/v2/Team/blobs/uploads/x", 400, "NAME_INVALID"),
        ("GET", f"/v2/..%2f..%2fx/blobs/{DIGEST}", 400, "NAME_INVALID"),
        ("DELETE", BLOB, 405, "UNSUPPORTED"),
        ("GET", UPLOADS, 405, "UNSUPPORTED"),
        ("GET", "/v2/team/app/blobs/uploads/..%2f..%2fstate.sqlite3", 404, "UNSUPPORTED"),
        ("GET", "/v2/team/app/blobs/uploads/state.sqlite3", 404, "BLOB_UPLOAD_UNKNOWN"),
    ],
)
def test_crooked_requests_are_refused(registry: Registry, method: str, path: str, status: int, code: str) -> None:
    answer = registry.ask(method, path)
    assert (answer.status, answer.error[0]) == (status, code)


def test_a_repository_may_be_called_like_a_path_of_the_registry(registry: Registry) -> None:
    name = "x/blobs/uploads/manifests"
    registry.create(name)
    registry.push_image(name, "v1", HELLO)
    assert read(registry, name=name).content == HELLO
    assert registry.ask("GET", f"/v2/{name}/tags/list").document == {"name": name, "tags": ["v1"]}


# --- who may --------------------------------------------------------------------------------------------------------------


def test_without_a_login_docker_is_asked_for_one(registry: Registry) -> None:
    for path in ("/v2/", BLOB, "/v2/team/app/manifests/x"):
        answer = registry.ask("GET", path, headers={"Authorization": ""})
        challenge = f'Basic realm="http://127.0.0.1:{registry.server.port}/",service="ecr.amazonaws.com"'
        assert (answer.status, answer.content) == (401, b"Not Authorized\n")
        assert answer.headers["Www-Authenticate"] == challenge
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"


def test_a_token_is_good_for_twelve_hours(registry: Registry) -> None:
    registry.push_blob("team/app", HELLO)
    registry.clock.advance(43_199)
    assert read(registry).status == 200
    registry.clock.advance(1)
    expired = ("DENIED", "Your authorization token has expired. Reauthenticate and try again.")
    for path in (BLOB, "/v2/", "/v2/_catalog"):
        answer = registry.ask("GET", path)
        assert (answer.status, answer.error) == (403, expired)


@pytest.mark.parametrize("authorization", ["Basic QVdTOnNlY3JldA==", "Basic x", "Basic", "basic cm9vdDpzZWNyZXQ="])
def test_another_login_is_denied(registry: Registry, authorization: str) -> None:
    answer = registry.ask("GET", "/v2/", headers={"Authorization": authorization})
    assert (answer.status, answer.error[0]) == (403, "DENIED")


def test_the_registry_is_the_one_that_the_token_or_the_host_says(registry: Registry) -> None:
    registry.push_blob("team/app", HELLO)
    registry.token = registry.login(World("999999999999", "us-east-1"))
    assert read(registry).status == 404
    host = {"Host": "123456789012.dkr.ecr.us-east-1.amazonaws.com"}
    assert registry.ask("GET", BLOB, headers=host).status == 200


def test_a_host_that_a_web_page_made_up_is_turned_away(registry: Registry) -> None:
    for path in (BLOB, "/v2/"):
        assert registry.ask("GET", path, headers={"Host": "evil.example"}).status == 403


def test_an_anonymous_registry_asks_nobody(tmp_path: Path) -> None:
    with Registry(tmp_path, anonymous=True) as registry:
        registry.create("team/app")
        registry.push_blob("team/app", HELLO)
        for path in ("/v2/", BLOB):
            assert registry.ask("GET", path, headers={"Authorization": ""}).status == 200
        assert registry.ask("GET", "/v2/", headers={"Authorization": "Basic x"}).status == 403


# --- tidying --------------------------------------------------------------------------------------------------------------


def test_an_upload_that_nobody_continued_for_a_day_is_dropped(registry: Registry) -> None:
    uploads = _uploads(registry)
    idle, continued = registry.begin("team/app"), registry.begin("team/app")
    registry.clock.advance(90_000)
    _age(registry, idle)
    uploads.tidy()
    registry.token = registry.login()
    assert (registry.ask("GET", idle).status, registry.ask("GET", continued).status) == (404, 204)


def test_an_upload_that_begins_while_others_are_dropped_stays(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = _uploads(registry)
    begun: list[str] = []
    transaction = registry.store.transaction

    def while_looking() -> Any:
        monkeypatch.undo()
        begun.append(registry.begin("team/app"))
        return transaction()

    monkeypatch.setattr(registry.store, "transaction", while_looking)
    uploads.tidy()
    assert registry.ask("GET", begun[0]).status == 204


def test_an_upload_that_is_written_to_is_not_idle(registry: Registry) -> None:
    blobs = BlobStore(registry.directory / "registry", durable=False)
    location = registry.begin("team/app")
    _age(registry, location)
    upload_id = location.rpartition("/")[2]
    assert blobs.uploads()[upload_id] == pytest.approx(90_000, abs=60)
    with blobs.writing(upload_id):
        assert blobs.uploads() == {upload_id: 0.0}


def test_what_is_left_of_an_upload_without_its_record_or_file_is_dropped(registry: Registry) -> None:
    uploads = _uploads(registry)
    directory = registry.directory / "registry" / "uploads"
    (directory / "nobodys").touch()
    location = registry.begin("team/app")
    (directory / location.rpartition("/")[2]).unlink()
    registry.clock.advance(90_000)
    uploads.tidy()
    with registry.store.snapshot() as tx:
        assert (list(directory.iterdir()), tx.count(LayerUpload)) == ([], 0)


def _age(registry: Registry, location: str) -> None:
    """As if the last byte of this upload had come 25 hours ago."""
    file = registry.directory / "registry" / "uploads" / location.rpartition("/")[2]
    long_ago = time.time() - 90_000
    os.utime(file, (long_ago, long_ago))


def _uploads(registry: Registry) -> Uploads:
    blobs = BlobStore(registry.directory / "registry", durable=False)
    return Uploads(registry.store, blobs, registry.clock, Ids())


def test_a_full_disk_is_said_plainly_and_harms_this_request_alone(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = registry.begin("team/app")

    def full(descriptor: int, part: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ecs_emulator.registry.blobs.os.write", full)
    answer = registry.ask("PATCH", location, HELLO)
    monkeypatch.undo()
    assert answer.status == 500
    assert answer.error == ("UNKNOWN", "the registry could not write: No space left on device")
    assert registry.ask("PUT", f"{location}?digest={DIGEST}", HELLO).status == 201


def test_the_door_takes_blobs_and_uploads_only(registry: Registry) -> None:
    blobs = BlobStore(registry.directory / "registry")
    door = BlobDoor(registry.store, blobs, _uploads(registry), Entrance(b"", registry.clock))
    headers = Message()
    for path in (BLOB, f"{UPLOADS}?mount=x&from=y", "/v2/team%2Fapp/blobs/x"):
        assert door.takes(path, headers)
    for path in (
        "/v2/",
        "/v2/team/app/manifests/blobs",
        "/v2/x/blobs/uploads/manifests/v1",
        "/?x=/v2/a/blobs/b",
        "/other/v2/a/blobs/b",
    ):
        assert not door.takes(path, headers)


def test_a_connection_is_kept_through_a_whole_push(registry: Registry) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", registry.server.port, timeout=10)
    location = registry.ask("POST", UPLOADS, connection=connection).headers["Location"]
    kept = connection.sock
    registry.ask("PATCH", location, iter([HELLO]), connection=connection)
    registry.ask("PUT", f"{location}?digest={DIGEST}", connection=connection)
    assert registry.ask("GET", BLOB, connection=connection).content == HELLO
    assert connection.sock is kept
    connection.close()
