"""Rows of a query, from any database that SQLAlchemy reaches: sorted by it, and fetched as they are asked for."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sql
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from drift.data.frames import require_different_names
from drift.data.inference import schema_of, typed_frame
from drift.data.problems import require_columns, require_plain_names
from drift.data.readers.memory_limits import LONG, MOST_LONG
from drift.data.urls import CONNECT_SECONDS, parse_url, reason_of, shown
from drift.errors import DataError, UsageError
from drift.system.extras import missing_package
from drift.system.signals import raise_lost_interrupt

if TYPE_CHECKING:
    import pandas as pd

LONGEST_TEXT = 16_000_000  # bytes of one value in SQLite
FIRST, AT_ONCE = 16, 1_000  # rows that are fetched together: the first ones, and the most
DRIVERS = {
    "duckdb": "duckdb-engine",
    "mysql": "mysqlclient",
    "mariadb": "mysqlclient",
    "mssql": "pyodbc",
}  # by database
STEPS = 1_000_000  # of SQLite's machine, between two looks for signals: some milliseconds


class DatabaseRows:
    """The rows of a query, by a server-side cursor where the database has one."""

    files = False

    def __init__(
        self,
        url: str,
        query: str,
        *,
        columns: Sequence[str] | None = None,
        order: Sequence[str] = (),
        ignore: Sequence[str] = (),
        chunk_rows: int,
    ) -> None:
        """Nothing is asked of the database yet.

        Args:
            url: SQLAlchemy's.
            query: one SELECT (or WITH), or the name of a table.
            columns: that are wanted.
            order: columns to sort by.
            ignore: columns that are not read, where all others are.
            chunk_rows: at most.

        Raises:
            UsageError: a URL that is none, or a query that is not one SELECT.
        """
        self._url = parse_url(url)
        self._query = _checked(query)
        self._columns, self._order, self._chunk_rows = columns, tuple(order), chunk_rows
        self._ignore = frozenset(ignore)

    @property
    def name(self) -> str:
        """The URL without its password, and the table if it is one."""
        url = shown(self._url)
        return f"{url} {self._query}" if _is_name(self._query) else url

    def __repr__(self) -> str:
        return f"DatabaseRows({self.name!r})"

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Chunks of the sorted rows.

        Raises:
            DataError: the database cannot be reached, or the query not run.
        """
        import pandas as pd

        engine = self._engine()
        try:
            with engine.connect() as connection:
                connection.execution_options(postgresql_readonly=True)  # others pass over what is not theirs
                if engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("PRAGMA query_only = ON")
                    _bound(connection.connection.driver_connection)
                result = connection.execution_options(stream_results=True, max_row_buffer=AT_ONCE).execute(
                    self._select(connection)
                )
                names = list(result.keys())
                while rows := self._chunk(result):
                    frame = pd.DataFrame({at: _column(values) for at, values in enumerate(zip(*rows, strict=True))})
                    frame.columns = pd.Index(names)
                    require_different_names(names, f"query of {self.name}")
                    require_plain_names(names, f"query of {self.name}")
                    frame.attrs["source"] = self.name
                    typed = typed_frame(frame)
                    for column in schema_of(typed).columns:
                        if column.format:  # dates in text, which a monitor may follow as a category
                            typed[column.name] = frame[column.name]
                    yield typed
        except SQLAlchemyError as error:
            raise_lost_interrupt()
            if isinstance(original := getattr(error, "orig", None), sqlite3.Error) and "interrupted" in str(original):
                raise KeyboardInterrupt from error  # by a signal, in the function that SQLite calls now and then
            raise DataError(f"{self.name} cannot be read: {reason_of(error, self._url)}") from error
        finally:
            engine.dispose()

    def _chunk(self, result: sql.CursorResult[Any]) -> list[Any]:
        """The next rows: few at first, as each may be long.

        Raises:
            DataError: their texts are long in the mean, and more than memory should hold.
        """
        rows: list[Any] = []
        held, count = 0, FIRST
        while len(rows) < self._chunk_rows and (more := result.fetchmany(min(count, self._chunk_rows - len(rows)))):
            rows += more
            held += sum(len(value) for row in more for value in row if isinstance(value, str | bytes))
            if held > MOST_LONG and held > LONG * len(rows):
                raise DataError(
                    f"expected rows of at most {LONG:,} bytes in the mean, got {held:,} bytes in {len(rows):,} rows of"
                    f" {self.name}: leave long columns out of --query"
                )
            count = min(2 * count, AT_ONCE) if held <= LONG * len(rows) else FIRST
        return rows

    def _engine(self) -> sql.Engine:
        try:
            if self._url.get_backend_name() == "postgresql":
                return sql.create_engine(self._url, connect_args={"connect_timeout": CONNECT_SECONDS})
            if self._url.get_backend_name() == "sqlite":
                self._require_file()
            return sql.create_engine(self._url)
        except (ImportError, NoSuchModuleError) as error:
            if self._url.get_backend_name() == "postgresql" and isinstance(error, ImportError):
                raise missing_package(error, module="psycopg") from error
            package = DRIVERS.get(self._url.get_backend_name())
            install = f"pip install {package}" if package else str(error)
            raise UsageError(f"the driver of {self._url.drivername} is not installed: {install}") from error

    def _require_file(self) -> None:
        from pathlib import Path

        path = self._url.database
        if path and path != ":memory:" and not Path(path).is_file():
            raise DataError(f"there is no database {path}")

    def _select(self, connection: sql.Connection) -> sql.Select[Any]:
        """The query with the wanted columns, sorted."""
        if _is_name(self._query):
            schema, _, table = self._query.rpartition(".")
            inner: Any = (
                sql.select(sql.text("*")).select_from(sql.table(table, schema=schema or None)).subquery("source")
            )
        else:
            # Neither is a colon a parameter, nor does a comment at its end take away the bracket.
            inner = sql.text(self._query.replace(":", r"\:") + "\n").columns().subquery("source")
        rows = sql.select(sql.text("*")).select_from(inner)
        there = list(connection.execute(rows.limit(0)).keys())
        require_columns("the query", list(dict.fromkeys([*(self._columns or ()), *self._order])), there)
        read = [name for name in there if name not in self._ignore] if self._columns is None else self._columns
        chosen: list[Any] = [sql.column(name) for name in read]
        return sql.select(*chosen).select_from(inner).order_by(*(sql.column(name) for name in self._order))


def _bound(connection: Any) -> None:
    """Bound one text of SQLite's, and let signals be heard while a query runs: a view may be endless."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_TEXT)
    connection.set_progress_handler(lambda: 0, STEPS)  # Python hears signals in it, and a raised one ends the query


def _is_name(query: str) -> bool:
    return re.fullmatch(r"\w+(\.\w+)?", query) is not None


def _checked(query: str) -> str:
    """One statement that reads.

    Raises:
        UsageError: anything else.
    """
    text = query.strip().rstrip(";").strip()
    if _is_name(text) or (re.match(r"(select|with)\b", text, re.IGNORECASE) and ";" not in text):
        return text
    raise UsageError(f"expected one SELECT, or the name of a table, got {query.strip()[:60]!r}")


def _column(values: tuple[Any, ...]) -> pd.Series:
    """Values of a column as the database gave them; integers and numbers as arrays, which takes less time."""
    import pandas as pd

    kinds = set(map(type, values))
    if kinds == {int} and -(2**63) <= min(values) <= max(values) < 2**63:
        return pd.Series(np.asarray(values, np.int64))
    if kinds == {float} or kinds == {float, type(None)}:
        return pd.Series(np.asarray(values, np.float64))
    objects = np.empty(len(values), object)
    objects[:] = values
    return pd.Series(objects)
