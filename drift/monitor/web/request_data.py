"""Data of a request: its session cookie, the local user who sent it, and the fields of a form."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

from drift.monitor.web.security import COOKIE, port_of
from drift.system.socket_owner import user_of_client

MOST_BYTES = 64_000  # of a form
USER = "drift.user"  # of a request's scope


def cookie_name(request: Request) -> str:
    """The cookie of this page: two pages of one machine differ by their ports alone, which cookies do not go by."""
    return f"{COOKIE}_{port_of(request.headers.get('host', ''))}"


def session_cookie(request: Request) -> str | None:
    """The value of that cookie, if the request has one."""
    return request.cookies.get(cookie_name(request))


def user_of(request: Request) -> int | None:
    """The user of this machine whose process asks, looked up once for each request."""
    if USER not in request.scope:
        client, server = request.scope.get("client"), request.scope.get("server")
        user_id = None
        if client is not None and server is not None and server[1] is not None:
            user_id = user_of_client((client[0], client[1]), (server[0], server[1]))
        request.scope[USER] = user_id
    user: int | None = request.scope[USER]
    return user


def local_path(path: str) -> str:
    """A path of this server, never another address."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form, each with its last value, without what no text holds."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise HTTPException(415, "expected a form")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413, "too large")
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50)
    except ValueError as error:
        raise HTTPException(400, "expected a form of at most 50 fields") from error
    return {name: values[-1].replace("\0", "\ufffd") for name, values in fields.items()}
