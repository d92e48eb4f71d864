"""Stores on SQLite and on a real PostgreSQL, and rows to put into them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drift.monitor.store import MonitorStore
from tests.postgres import Cluster, binaries, cluster


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL of the tests' own."""
    if binaries() is None:
        pytest.skip("no PostgreSQL on this machine; on Debian: make system")
    with cluster() as made:
        yield made


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a fresh store may be: a file, or a database of its own."""
    if request.param == "sqlite":
        yield str(tmp_path / "monitor.db")
        return
    made: Callable[[], str] = request.getfixturevalue("database")
    yield made()


@pytest.fixture
def database(postgres: Cluster) -> Callable[[], str]:
    """Makes databases on the PostgreSQL, and tells their URLs."""
    import uuid

    import sqlalchemy as sql

    def make() -> str:
        name = f"d{uuid.uuid4().hex[:12]}"
        engine = sql.create_engine(
            postgres.url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            connection.execute(sql.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return postgres.url.removesuffix("/postgres") + f"/{name}"

    return make


@pytest.fixture
def store(place: str) -> Iterator[MonitorStore]:
    """An empty store."""
    opened = MonitorStore(place)
    yield opened
    opened.close()
