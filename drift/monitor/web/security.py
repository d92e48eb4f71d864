"""Who may read and write: sessions begun with a token, forms of our own pages only, what a request says of itself."""

from __future__ import annotations

import hmac
import os
import re
import secrets
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import parse_qs, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

from drift.errors import UsageError
from drift.system.socket_owner import user_of_client

SESSION_SECONDS = 12 * 3600.0
COOKIE = "drift_session"
LEAST_TOKEN = 16  # characters
MOST_FAILURES, FAILURE_SECONDS = 10, 60.0  # wrong tokens in a minute; further ones are answered late
LATE_SECONDS = 1.0
MOST_AT_ONCE = 10  # sign-ins of one address whose answer is not sent yet
# A header Host without path, query or user, of which some versions of Starlette would build the request's address.
HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with none at all, browsers also hide where a form comes from
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
MOST_BYTES = 64_000  # of a form
USER = "drift.user"  # of a request's scope


@dataclass(frozen=True)
class Session:
    """A person who has shown a token.

    Attributes:
        number: the cookie's value.
        name: as the person gave it.
        until: by the clock of `time.monotonic`, in seconds.
        form_secret: what a form of ours holds, and nobody else's can.
        writes: whether the token was the one for writing.
        user: id of the user of this machine whose browser showed it; None of another machine's.
    """

    number: str
    name: str
    until: float
    form_secret: str
    writes: bool = True
    user: int | None = None


@dataclass
class Gate:
    """Lets those write who know the token, and those read who know either.

    Attributes:
        token: for writing; empty: nobody writes.
        read_token: for reading; empty: everybody who reaches the page reads it.
    """

    token: str = field(default="", repr=False)
    read_token: str = field(default="", repr=False)
    _sessions: dict[str, Session] = field(default_factory=dict, repr=False)
    _failures: list[float] = field(default_factory=list, repr=False)
    _attempts: Counter[str] = field(default_factory=Counter, repr=False)  # under way, by address
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def writable(self) -> bool:
        """Whether anybody may write."""
        return bool(self.token)

    @property
    def blocked(self) -> bool:
        """Whether there were too many wrong tokens lately."""
        with self._lock:
            self._failures = [at for at in self._failures if monotonic() - at < FAILURE_SECONDS]
            return len(self._failures) >= MOST_FAILURES

    @property
    def takes_tokens(self) -> bool:
        """Whether there is a token to show."""
        return bool(self.token or self.read_token)

    @contextmanager
    def attempt(self, address: str) -> Iterator[bool]:
        """A sign-in from an address that is answered late; yields whether there is room for it."""
        with self._lock:
            self._attempts[address] += 1
            room = self._attempts[address] <= MOST_AT_ONCE
        try:
            yield room
        finally:
            with self._lock:
                self._attempts[address] -= 1
                if self._attempts[address] <= 0:
                    del self._attempts[address]

    def reads(self, cookie: str | None, authorization: str, user: int | None = None) -> bool:
        """Whether a request may read.

        Args:
            cookie: of a session, if the request has one.
            authorization: the header, such as `Bearer TOKEN`; empty if there is none.
            user: as in `session`.
        """
        if not self.read_token or self.session(cookie, user) is not None:
            return True
        kind, _, token = authorization.partition(" ")
        return kind.lower() == "bearer" and any(_same(token.strip(), right) for right in (self.read_token, self.token))

    def enter(self, token: str, name: str, user: int | None = None) -> Session | None:
        """Begin a session, if the token is right; a right one is, however many wrong ones came before it.

        Args:
            token: as it was given.
            name: of the person.
            user: as in `session`.
        """
        writes = _same(token, self.token)
        if not writes and not _same(token, self.read_token):
            with self._lock:
                self._failures.append(monotonic())
            return None
        number = secrets.token_urlsafe(24)
        session = Session(number, name, monotonic() + SESSION_SECONDS, secrets.token_hex(32), writes, user)
        with self._lock:
            self._sessions = {key: other for key, other in self._sessions.items() if other.until > monotonic()}
            self._sessions[number] = session
        return session

    def session(self, cookie: str | None, user: int | None = None) -> Session | None:
        """The session of a cookie, if it is one of ours, not over, and of this user.

        Browsers send a cookie to every port of a host, so another user of this machine who listens there comes by it.

        Args:
            cookie: its value, if a request has one.
            user: id of the user of this machine whose process asks; None where nobody knows, such as another machine's.
        """
        with self._lock:
            session = self._sessions.get(cookie or "")
        return session if session is not None and session.until > monotonic() and session.user == user else None

    def leave(self, session: Session) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(session.number, None)

    def of_our_form(self, session: Session, secret: str) -> bool:
        """Whether a form's secret is that of the session."""
        return hmac.compare_digest(secret.encode(), session.form_secret.encode())


def token_of(variable: str) -> tuple[str, bool]:
    """A token of the environment, or a new one; and whether it is new.

    Raises:
        UsageError: the one of the environment is too short.
    """
    token = os.environ.get(variable, "")
    if token and len(token) < LEAST_TOKEN:
        raise UsageError(f"expected a {variable} of {LEAST_TOKEN} characters or more, got {len(token)}")
    return (token, False) if token else (secrets.token_urlsafe(18), True)


def _same(shown: str, token: str) -> bool:
    """Whether a token is the right one, compared in constant time; false where there is none."""
    return bool(token) and hmac.compare_digest(shown.encode(), token.encode())


def same_site(headers: Mapping[str, str]) -> bool:
    """Whether a request that writes comes from a page of ours, as far as the browser says where it comes from."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    try:
        return origin is None or urlsplit(origin).netloc == headers.get("host", "")
    except ValueError:  # it is no address
        return False


def foreign_load(headers: Mapping[str, str]) -> bool:
    """Whether another site's page loads something of ours into itself; following a link to a page is no such thing."""
    foreign = headers.get("sec-fetch-site", "same-origin") in ("cross-site", "same-site")
    return foreign and headers.get("sec-fetch-mode", "") != "navigate"


def known_host(host: str, allowed: frozenset[str]) -> bool:
    """Whether a request names this server as we do: another name that leads here may be an attacker's."""
    parts = HOST.fullmatch(host)
    return parts is not None and parts["name"].strip("[]").lower() in allowed


def port_of(host: str) -> int:
    """The port in a header `Host`; 0 if there is none."""
    parts = HOST.fullmatch(host)
    return int(parts["port"] or 0) if parts else 0


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
