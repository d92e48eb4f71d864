"""Databases' URLs: read, and shown without their passwords."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from drift.errors import UsageError
from drift.system import secrets

if TYPE_CHECKING:
    import sqlalchemy as sql
    from sqlalchemy.exc import SQLAlchemyError

CONNECT_SECONDS = 10


def parse_url(text: str) -> sql.URL:
    """A URL of SQLAlchemy's; PostgreSQL is reached by psycopg unless another driver is named.

    Raises:
        UsageError: it is none.
    """
    import sqlalchemy as sql
    from sqlalchemy.exc import ArgumentError

    if text.count("@") > 1:
        raise UsageError(
            "expected a URL with one @, before the host: write signs of the password as %40 (@), %2F (/) and %3A (:)"
        )
    try:
        url = sql.make_url(text)
    except (ArgumentError, ValueError) as error:
        raise UsageError(f"expected a URL like postgresql://user@host/database, got {masked(text)}") from error
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    return url


def shown(url: sql.URL) -> str:
    """A URL without its password, wherever it stands."""
    hidden = {name: "***" if _is_secret(name) else value for name, value in url.query.items()}
    return url.set(query=hidden).render_as_string(hide_password=True)


def masked(text: str) -> str:
    """A text without passwords (`drift.system.secrets`), also of a URL with a typing error and of libpq's words."""
    without = secrets.masked(text)
    if "://" not in without:
        without = re.sub(r":\S*@", ":***@", without)
    return secrets.IN_WORDS.sub(rf"\g<before>{secrets.HIDDEN}", without)


def reason_of(error: SQLAlchemyError, url: sql.URL) -> str:
    """What a database said, in one line, without the password."""
    lines = [line.strip() for line in str(getattr(error, "orig", None) or error).splitlines() if line.strip()]
    lines = lines or [type(error).__name__]
    text = lines[-1] if lines[0].endswith(":") else lines[0]  # what follows the first is where in a query, or a hint
    queried = [value for name, value in url.query.items() if _is_secret(name)]
    for secret in (str(url.password or ""), *(str(value) for value in queried)):
        for form in (secret, quote_plus(secret), quote(secret, safe="")):
            if form:
                text = text.replace(form, "***")
    return masked(text)


def _is_secret(name: str) -> bool:
    return "pass" in name.lower() or secrets.is_secret_name(name)
