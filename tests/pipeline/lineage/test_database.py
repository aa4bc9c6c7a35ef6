"""Opening: what is absent is made, what is wrong is said."""

import os
import sqlite3
import threading
from pathlib import Path

import pytest

from pipeline.lineage.database import is_absent, whereabouts
from pipeline.lineage.store import Lineage
from schemas.artifacts import Model
from schemas.errors import ConfigError, TrainworksError


def test_the_folder_is_made(tmp_path: Path) -> None:
    Lineage(tmp_path / "new" / "folder" / "metadata.sqlite").close()
    assert (tmp_path / "new" / "folder" / "metadata.sqlite").is_file()


@pytest.mark.parametrize("name", ["metadata.sqlite", "with space & 100%.sqlite", "路透社?.sqlite"])
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / name, str(tmp_path / name)):
        store = Lineage(path)
        assert store.runs(1) == []
        store.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_a_url_of_sqlite(tmp_path: Path) -> None:
    Lineage(f"sqlite:///{tmp_path}/metadata.sqlite").close()
    assert (tmp_path / "metadata.sqlite").is_file()


def test_a_store_that_the_client_made(database: Path, lineage: Lineage, scribe_of) -> None:
    """It holds the simple types only, and its journal is what it was."""
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM Type WHERE name NOT LIKE 'mlmd.%'")
        connection.execute("DELETE FROM TypeProperty")
        connection.execute("DELETE FROM ParentType")
    store = Lineage(database)
    scribe_of(store, "run-1").step("Trainer", {"model": Model(Path("/m"))})
    assert store.for_run("run-1")[0].outputs["model"].type_name == "Model"
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM Type WHERE name = 'mlmd.Model'").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM TypeProperty").fetchone() == (7,)


@pytest.mark.parametrize("version", [8, 11, None])
def test_another_schema_version(lineage: Lineage, database: Path, version: int | None) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM MLMDEnv")
        connection.executemany("INSERT INTO MLMDEnv VALUES (?)", [[version]] if version else [])
    with pytest.raises(ConfigError, match=rf"{database} must be .* version 10\. Received: {version or 'none'}"):
        Lineage(database)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "metadata.sqlite"
    path.write_text("name: reuters-r8\n" * 100)
    with pytest.raises(ConfigError, match=f"{path} is not a SQLite database"):
        Lineage(path)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path} cannot be opened"):
        Lineage(tmp_path)


def test_a_file_in_the_folders_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"metadata\.sqlite needs a folder"):
        Lineage(tmp_path / "file" / "metadata.sqlite")


def test_a_lock_at_opening(database: Path) -> None:
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ConfigError, match=f"{database} is locked by another process"):
        Lineage(database, lock_timeout=0.1)
    other.close()
    Lineage(database).close()


def test_another_process_that_is_about_to_write_a_new_database(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "metadata.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ConfigError, match="database is locked"):
        Lineage(tmp_path / "metadata.sqlite", lock_timeout=0.1)
    threading.Timer(0.3, other.close).start()
    Lineage(tmp_path / "metadata.sqlite").close()


def test_a_lock_later_on(database: Path, lineage: Lineage) -> None:
    hasty = Lineage(database, lock_timeout=0.1)
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TrainworksError, match="is locked by another process") as caught:
        hasty.start_run("news", "run-1", "news.yaml")
    assert caught.value.exit_code == 1
    other.execute("ROLLBACK")
    hasty.start_run("news", "run-1", "news.yaml")
    assert [run.run_id for run in lineage.runs(9)] == ["run-1"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_may_not_be_written(database: Path, lineage: Lineage) -> None:
    lineage.close()
    database.chmod(0o444)
    with pytest.raises(TrainworksError, match="cannot be written"):
        Lineage(database).start_run("news", "run-1", "news.yaml")


def test_a_disk_that_is_full(lineage: Lineage, database: Path, scribe) -> None:
    """SQLite's own limit of pages says the same as a full disk."""
    with lineage._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(TrainworksError, match="the disk is full: make room and run again"):
        scribe.step("Trainer", {"model": Model(Path("/m"), {"words": "x" * 100_000})}, fingerprint="f")
    assert lineage.find_cached("news", "Trainer", "f") is None
    assert lineage.for_run("run-1")[0].state == "running"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("oracle://host/name", "must be SQLite, PostgreSQL or MySQL. Received: oracle"),
        ("nosuch://user:secret@host/name", "must be SQLite, PostgreSQL or MySQL. Received: nosuch"),
        ("mysql+nosuch://user:secret@host/name", "must be SQLite, PostgreSQL or MySQL"),
        ("://user:secret@host/name", "must be a path, or a URL"),
    ],
)
def test_urls_of_something_else(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        Lineage(url)
    assert "secret" not in str(caught.value)


def test_whereabouts_name_no_user_password_or_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert whereabouts("postgresql+psycopg://me:secret@host:5432/name?password=secret") == "postgresql://host:5432/name"
    monkeypatch.chdir(tmp_path)
    for same in ("sqlite:///a.sqlite", "a.sqlite", tmp_path / "a.sqlite", f"sqlite:///{tmp_path}/b/../a.sqlite"):
        assert whereabouts(same) == f"sqlite:///{tmp_path}/a.sqlite"


def test_absent_is_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    assert is_absent(path) and is_absent(str(path)) and is_absent(f"sqlite:///{path}")
    Lineage(path).close()
    assert not (is_absent(path) or is_absent(str(path)) or is_absent(f"sqlite:///{path}"))
    assert not is_absent("postgresql+psycopg://user@host/name")
