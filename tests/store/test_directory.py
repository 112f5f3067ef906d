"""A data directory has one owner; what an owner that died left behind is found, what lives is left alone."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from ecs_emulator.store.directory import EPHEMERAL_PREFIX, LOCK, DataDir, DataDirInUse, in_use, orphans, remove


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of the test's own where ephemeral ones are made and looked for."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_directory_is_made_for_its_owner_alone_with_his_process_in_the_lock(tmp_path: Path) -> None:
    taken = DataDir(tmp_path / "a" / "b")
    assert taken.path.stat().st_mode & 0o777 == 0o700
    assert (taken.path / LOCK).read_text() == f"{os.getpid()}\n"
    assert not taken.ephemeral
    taken.release()


def test_a_second_owner_is_told_who_the_first_is_and_changes_nothing(tmp_path: Path) -> None:
    taken = DataDir(tmp_path)
    with pytest.raises(DataDirInUse) as refused:
        DataDir(tmp_path)
    assert str(refused.value) == f"a server already runs on {tmp_path} (process {os.getpid()})"
    assert in_use(tmp_path)
    assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"
    taken.release()


def test_what_was_released_can_be_taken_again_and_keeps_its_files(tmp_path: Path) -> None:
    taken = DataDir(tmp_path)
    (tmp_path / "state").write_text("kept")
    (tmp_path / LOCK).write_text("a much longer word than a process id")
    taken.release()
    assert not in_use(tmp_path)
    again = DataDir(tmp_path)
    assert (tmp_path / "state").read_text() == "kept"
    assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"
    again.release()


def test_a_directory_without_a_lock_or_not_there_at_all_is_not_in_use(tmp_path: Path) -> None:
    assert not in_use(tmp_path)
    assert not in_use(tmp_path / "ghost")
    assert list(tmp_path.iterdir()) == []


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        DataDir(tmp_path)
        os.write(told, b"!")
        os._exit(0)
    assert os.read(ready, 1) == b"!"
    os.waitpid(child, 0)
    os.close(ready)
    os.close(told)
    assert not in_use(tmp_path)
    DataDir(tmp_path).release()


def test_an_ephemeral_directory_goes_with_all_that_is_in_it(temporary: Path) -> None:
    own = DataDir.new_ephemeral()
    assert own.ephemeral
    assert own.path.parent == temporary
    assert own.path.name.startswith(EPHEMERAL_PREFIX)
    (own.path / "deep" / "er").mkdir(parents=True)
    own.release()
    assert not own.path.exists()


def test_orphans_are_ephemeral_directories_whose_server_is_dead(temporary: Path) -> None:
    alive = DataDir.new_ephemeral()
    dead = temporary / f"{EPHEMERAL_PREFIX}dead"
    DataDir(dead).release()
    (temporary / f"{EPHEMERAL_PREFIX}never-a-server").mkdir()
    (temporary / f"{EPHEMERAL_PREFIX}file").write_text("")
    DataDir(temporary / "somebody-elses").release()
    assert list(orphans()) == [dead]
    alive.release()


def test_a_directory_whose_lock_cannot_be_looked_at_is_no_orphan(temporary: Path) -> None:
    (temporary / f"{EPHEMERAL_PREFIX}of-another-user" / LOCK).mkdir(parents=True)
    assert list(orphans()) == []


def test_removing_takes_what_is_the_servers_and_leaves_what_is_not(tmp_path: Path) -> None:
    for words in ("mine", "with-a-guest"):
        taken = DataDir(tmp_path / words)
        taken.release()
        (taken.path / "state.sqlite3").write_text("")
        (taken.path / "registry" / "blobs").mkdir(parents=True)
    (tmp_path / "with-a-guest" / "notes.txt").write_text("precious")
    for words, left in (("mine", []), ("with-a-guest", ["notes.txt"])):
        assert remove(DataDir(tmp_path / words)) == left
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == [
        "with-a-guest",
        "with-a-guest/notes.txt",
    ]
