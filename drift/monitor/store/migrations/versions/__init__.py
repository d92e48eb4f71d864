"""The steps, oldest first. A step is never changed once it was released: add another."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sql


def columns(kind: type[sql.types.TypeEngine[Any]], *names: str, nullable: bool = False) -> Iterator[sql.Column[Any]]:
    """Columns of one type, in the order of their names."""
    for name in names:
        yield sql.Column(name, kind(), nullable=nullable)
