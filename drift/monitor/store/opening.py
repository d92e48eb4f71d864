"""Where a store is, and opening it: its URL, its tables, and transactions that are kept whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from drift.data.urls import CONNECT_SECONDS, masked, parse_url, reason_of, shown
from drift.errors import StateError, UsageError
from drift.invocation import command_line
from drift.system.disk import alone_in
from drift.system.extras import missing_package
from drift.system.secrets import read_option
from drift.system.sqlite import advice

PATIENCE_SECONDS = 60  # for another process that is writing
WRITER = 7_374_116_601  # PostgreSQL's advisory lock that a writer holds; any number that is always the same
HEAD = "0003"  # the newest migration
STORE_VARIABLE = "DRIFT_MONITOR_STORE"


class MonitorStore:
    """A store that has the newest tables; one process at a time writes, any number read."""

    def __init__(self, place: str | Path) -> None:
        """Open a store, making or migrating its tables.

        Args:
            place: a file (SQLite), or an SQLAlchemy URL of SQLite or PostgreSQL.

        Raises:
            UsageError: a URL of neither.
            StateError: it cannot be reached, or was written by a newer drift.
        """
        self.url = _url(place)
        is_file = self.url.get_backend_name() == "sqlite"
        path = self.url.database if is_file else None
        self.name = path or shown(self.url)
        self._engine = _engine(self.url)
        with self.errors("opened"), alone_in(Path(path).absolute().parent) if path else nullcontext():
            with self._engine.connect() as connection:
                ready = _revision(connection) == HEAD
            if not ready:
                with self.write() as connection:
                    _migrate(connection)

    @contextmanager
    def read(self) -> Iterator[sql.Connection]:
        """A connection that sees the store as of one moment."""
        with self.errors("read"), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sql.Connection]:
        """The transaction of the only writer: committed when the block ends, rolled back if it raises."""
        with self.errors("written"), self._engine.execution_options(writes=True).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sql.text(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'"))
                connection.execute(sql.select(sql.func.pg_advisory_xact_lock(WRITER)))
            yield connection

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    @contextmanager
    def errors(self, done: str) -> Iterator[None]:
        """Errors of the database as one line without its password."""
        try:
            yield
        except SQLAlchemyError as error:
            reason = reason_of(error, self.url)
            reason += advice(reason) if self.url.get_backend_name() == "sqlite" else ""  # what to do about a file
            raise StateError(f"the monitor's store {self.name} cannot be {done}: {reason}") from error


def _url(place: str | Path) -> sql.URL:
    text = str(place)
    if "://" not in text:
        return sql.URL.create("sqlite", database=text)
    url = parse_url(text)
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        raise UsageError(f"expected a store in SQLite or PostgreSQL, got {shown(url)}")
    return url


def _engine(url: sql.URL) -> sql.Engine:
    try:
        if url.get_backend_name() == "postgresql":
            return sql.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_SECONDS})
        engine = sql.create_engine(url, connect_args={"timeout": PATIENCE_SECONDS, "check_same_thread": False})
    except (ImportError, NoSuchModuleError) as error:
        if url.get_backend_name() == "postgresql" and isinstance(error, ImportError):
            raise missing_package(error, module="psycopg") from error
        raise UsageError(f"the driver of {url.drivername} is not installed: {error}") from error
    sql.event.listen(engine, "connect", _settings)
    sql.event.listen(engine, "begin", _begin)
    return engine


def _settings(connection: Any, _record: object) -> None:
    """Readers do not wait for a writer, a commit survives a power cut, and transactions are begun by us alone."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sql.Connection) -> None:
    """A writer of SQLite takes its place at once: one that reads first could not be let in later."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _revision(connection: sql.Connection) -> str | None:
    if not sql.inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.execute(sql.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if revision is None else str(revision)


def _migrate(connection: sql.Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, HEAD)
    except CommandError as error:
        raise StateError(f"the monitor's store was written by another version of drift: {error}") from error


def locate_store(option: str, monitor: str, *, create: bool) -> str:
    """The file or URL of the store that is named.

    Args:
        option: a file or a URL, `env:NAME` or `@FILE`; empty for what `DRIFT_MONITOR_STORE` names, or else
            `.drift/monitor.db` of the project.
        monitor: name of the monitor that is asked for, for the message.
        create: whether the store may be missing.

    Raises:
        UsageError: the store is missing and may not be, or there is no folder for it.
    """
    place = read_option(option, option="--store") or os.environ.get(STORE_VARIABLE, "")
    if place and "://" not in place and not Path(place).absolute().parent.is_dir():
        hidden = masked(place)
        raise UsageError(f"there is no folder {Path(hidden).parent} for the store {hidden}: make it first")
    if not place:
        from drift.loop.project_dir import ProjectDir

        place = str(ProjectDir(read=not create).path / "monitor.db")
    if not create and (file := file_of_store(place)) is not None and not file.exists():
        from_log = next_command("monitor ingest log", monitor, option)
        from_file = next_command("monitor ingest FILE", monitor, option, prediction="COLUMN")
        raise UsageError(
            f"there is no monitor yet: no store {masked(str(file))}. To begin one: {from_log} (the log of a"
            f" deployment) or {from_file}"
        )
    return place


def file_of_store(place: str) -> Path | None:
    """The file of a store in SQLite; None for another database, and for one in memory."""
    if "://" not in place:
        return Path(place)
    url = parse_url(place)
    named = url.database if url.get_backend_name() == "sqlite" else None
    return None if not named or named.startswith(("file:", ":memory:")) else Path(named)


def next_command(command: str, monitor: str, option: str, **options: object) -> str:
    """A command about a monitor, to be printed; a password in the store's URL is not.

    Args:
        command: such as `monitor check`.
        monitor: its name.
        option: how the store was named, empty for the default.
        options: further ones, by name without dashes.
    """
    named = {"monitor": None if monitor == "default" else monitor, "store": masked(option) if option else None}
    return command_line(command, {**named, **options})
