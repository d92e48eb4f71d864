"""The store: migrations lead to the tables that the code knows, step by step; URLs are checked and passwords unseen."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sql
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pyarrow import parquet

import drift.monitor.store
from drift.data.urls import masked, parse_url, shown
from drift.errors import DataError, StateError, UsageError
from drift.monitor.sources.rows import from_bytes
from drift.monitor.store import MonitorStore
from drift.monitor.store.opening import HEAD
from drift.monitor.store.tables import metadata
from tests.monitor.worlds import World, take_in
from tests.postgres import PASSWORD
from tests.servers import free_port
from tests.stores import opened_read_only

MIGRATIONS = Path(drift.monitor.store.__file__).parent / "migrations"


def scripts() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def revisions() -> list[str]:
    """Oldest first."""
    return [one.revision for one in ScriptDirectory.from_config(scripts()).walk_revisions()][::-1]


def test_every_migration_is_known_and_the_newest_is_the_head() -> None:
    assert len(revisions()) == len(list((MIGRATIONS / "versions").glob("v*.py")))
    assert revisions()[-1] == HEAD


def test_migrations_lead_to_the_tables_that_the_code_knows(store: MonitorStore) -> None:
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


@pytest.mark.parametrize("first", revisions())
def test_a_store_of_any_earlier_version_is_brought_up_to_date_with_what_it_holds(place: str, first: str) -> None:
    url = place if "://" in place else f"sqlite:///{place}"
    engine = sql.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        config = scripts()
        config.attributes["connection"] = connection
        command.upgrade(config, first)
        connection.execute(
            sql.text("INSERT INTO monitors (name, columns, slices, began_at) VALUES ('old', '{}', '[]', 'then')")
        )
    engine.dispose()
    opened = MonitorStore(place)
    with opened.read() as connection:
        assert connection.execute(sql.text("SELECT name FROM monitors")).scalars().all() == ["old"]
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    opened.close()


def test_a_store_of_a_newer_drift_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    MonitorStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StateError, match="another version of drift"):
        MonitorStore(path)


def test_a_file_that_is_no_store_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    path.write_text("not a database at all, " * 100)
    with pytest.raises(StateError, match=r"cannot be opened: .*; it is damaged: put a copy of it back, or") as error:
        MonitorStore(path)
    assert "\n" not in str(error.value)


def test_a_read_only_store_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened_read_only(monkeypatch)
    with pytest.raises(StateError, match=r"readonly database; make the file and its folder writable") as error:
        MonitorStore(tmp_path / "m.db")
    assert "CREATE" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "url", ["mysql://u:hush@h/d", "postgresql://u:hush@h:port/d", "nonsense://", "postgresql://u:a@t/hush@h/d"]
)
def test_other_urls_are_refused_without_their_password(url: str) -> None:
    with pytest.raises(UsageError) as error:
        MonitorStore(url)
    assert "hush" not in str(error.value)


def test_passwords_are_taken_out_of_texts() -> None:
    assert masked("postgresql://u:a:b@c@h/d") == "postgresql://u:***@h/d"
    assert masked("see postgresql://u:p@h/d and x") == "see postgresql://u:***@h/d and x"
    for wrong in ("postgresql:/u:s3cret@db/shop", "postgresql//u:s3cret@db/shop", "postgres:u:s3:cr@et@db/shop"):
        assert "s3" not in masked(wrong) and masked(wrong).endswith("@db/shop")
    url = parse_url("postgresql://h/d?user=u&password=hush&sslmode=require")
    assert "hush" not in shown(url) and "require" in shown(url)


def test_nobody_there_is_told_in_time_without_the_password() -> None:
    with pytest.raises(StateError, match="cannot be opened") as error:
        MonitorStore(f"postgresql://u:hush-hush@127.0.0.1:{free_port()}/d")
    assert "hush-hush" not in str(error.value)


@pytest.mark.slow
def test_a_wrong_password_is_told_without_either(database: Callable[[], str]) -> None:
    url = sql.make_url(database())
    with pytest.raises(StateError, match="password authentication failed") as error:
        MonitorStore(url.set(password="wr0ng-one").render_as_string(hide_password=False))
    assert "wr0ng-one" not in str(error.value) and PASSWORD not in str(error.value)
    good = MonitorStore(url.render_as_string(hide_password=False))
    assert PASSWORD not in good.name and "***" in good.name
    good.close()


def test_an_error_leaves_nothing_of_its_transaction(store: MonitorStore) -> None:
    take_in(store, World(batches=1))
    with pytest.raises(ValueError, match="on the way"), store.write() as connection:
        connection.execute(sql.text("DELETE FROM monitors"))
        raise ValueError("on the way")
    with store.read() as connection:
        assert connection.execute(sql.text("SELECT count(*) FROM monitors")).scalar_one() == 1


def test_rows_that_would_fill_the_memory_are_refused() -> None:
    """One text of a megabyte that 3,000 rows repeat is 11 kB in a database; it ended the page's process."""
    body = BytesIO()
    texts = pa.array(["x" * 1_000_000] * 300)
    columns = {"key": pa.array([str(at) for at in range(300)]), "prediction": texts, "truth": texts, "f:x": texts}
    parquet.write_table(pa.table(columns), body, compression="zstd", use_dictionary=True)
    assert len(body.getvalue()) < 100_000
    with pytest.raises(DataError, match=r"expected at most 256 MB in column .* of the monitor's store"):
        from_bytes(body.getvalue())
