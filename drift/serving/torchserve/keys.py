"""Requests to a server of ours: with its tokens, which are always valid, and to nobody else. Logs no key, ever.

A port on loopback belongs to whoever binds it first: while a server starts, and after it ended, another user of this
machine can listen there, be sent our token and rows, and answer. So each connection is looked at, once, before anything
is sent through it: the process at its other end has to belong to this user, to root, or to the owner of the server's
folder. Linux shows that; on other systems, and of servers on other machines, nothing is known, and nothing refused.

TorchServe writes `key_file.json` into its working directory:

    {"management": {"key": "Vu8IPKTB", "expiration time": "2026-11-22T03:27:30.785071537Z"},
     "inference":  {"key": "HKe0B24N", "expiration time": "2026-11-22T03:27:30.785055984Z"},
     "API": {"key": "v1FvXDIb"}}

The API key never expires and buys nothing but new tokens: `GET /token?type=...` writes the file anew.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError

from drift.errors import NoAnswerError, ServerError, ServingError
from drift.invocation import shell_words
from drift.system.socket_owner import user_at_other_end

Kind = Literal["inference", "management"]
KINDS: tuple[Kind, ...] = ("inference", "management")

# A token is checked when its request arrives, so a little time is enough, and it must be little:
# the shortest lifetime that TorchServe knows is a minute.
MARGIN_SECONDS = 15.0
REQUEST_SECONDS = 5.0
READING_SECONDS = 2.0  # the file is written in place: a reader may find half of it
ACCEPT_SECONDS = 5.0  # that a server may take to accept a connection, where the request has no timeout


def server_users(folder: Path) -> frozenset[int]:
    """Ids of the users whose processes may answer for the server that runs in `folder`."""
    try:
        return frozenset({0, os.geteuid(), folder.stat().st_uid})
    except (AttributeError, OSError):  # Windows has no such ids; a folder may be gone
        return frozenset({0, os.geteuid()}) if hasattr(os, "geteuid") else frozenset()


def direct_session(users: Collection[int]) -> requests.Session:
    """A session that asks the environment for nothing: no proxy gets our tokens, no .netrc replaces them.

    Args:
        users: ids of those whose processes may be at the other end, if that is on this machine (see `server_users`).
            Another's is a `ServerError`, and is sent nothing.
    """
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", _OwnerCheckingAdapter(users))
    return session


def direct_request(
    method: str, url: str, *, timeout: float, users: Collection[int], **details: Any
) -> requests.Response:
    """One request, as `requests.request` would send it on a machine without proxies; `users` as in `direct_session`."""
    with direct_session(users) as session:
        return session.request(method, url, timeout=timeout, **details)


class _OwnerCheckingAdapter(HTTPAdapter):
    """Connects to processes of some users only."""

    def __init__(self, users: Collection[int]) -> None:
        self._users = frozenset(users)
        super().__init__(pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *sizes: Any, **details: Any) -> None:
        super().init_poolmanager(*sizes, **details)
        users = self._users

        class Connection(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                seconds = self.timeout if isinstance(self.timeout, int | float) else ACCEPT_SECONDS
                try:
                    user = user_at_other_end(self.sock, seconds)
                except TimeoutError as error:
                    self.close()
                    raise ConnectTimeoutError(self, str(error)) from error
                if user is not None and user not in users:
                    self.close()
                    raise ServerError(
                        f"expected TorchServe at port {self.port}, got a process of another user (id {user}): it was"
                        " sent nothing; choose another --port"
                    )

        class Pool(HTTPConnectionPool):
            ConnectionCls = Connection

        self.poolmanager.pool_classes_by_scheme = {**self.poolmanager.pool_classes_by_scheme, "http": Pool}


@dataclass(frozen=True)
class Token:
    """A key and when it ends.

    Attributes:
        headers: as a request carries it.
        expires: seconds since the epoch.
    """

    headers: dict[str, str]
    expires: float


class Keyring:
    """The tokens of one server, renewed before they end. Threads may share one."""

    def __init__(self, key_file: Path, management_url: str) -> None:
        """Remember where the keys are; the file is read when a token is first asked for."""
        self._key_file = key_file
        self.users = server_users(key_file.parent)  # whose process may be sent them
        self.management_url = management_url
        self._tokens: dict[Kind, Token] = {}
        self._api_key = ""
        self._lock = threading.Lock()

    def inference(self) -> dict[str, str]:
        """Headers that allow predictions."""
        return self._valid("inference").headers

    def management(self) -> dict[str, str]:
        """Headers that allow loading and unloading models."""
        return self._valid("management").headers

    def reread(self) -> None:
        """Forget what was read: another process renewed the tokens, or the server was restarted."""
        with self._lock:
            self._tokens = {}

    def _valid(self, kind: Kind) -> Token:
        token = self._tokens.get(kind)
        if token is not None and _fresh(token):
            return token
        with self._lock:
            # Another thread, or another process, may have renewed it while we waited.
            if not _fresh(self._read()[kind]):
                self._renew(kind)
                self._read()
            return self._tokens[kind]

    def _read(self) -> dict[Kind, Token]:
        self._tokens, self._api_key = self._stored()
        return self._tokens

    def _renew(self, kind: Kind) -> None:
        try:
            answer = direct_request(
                "GET",
                f"{self.management_url}/token",
                params={"type": kind},
                headers=_bearer(self._api_key),
                timeout=REQUEST_SECONDS,
                users=self.users,
            )
        except requests.RequestException as error:
            raise NoAnswerError(f"TorchServe at {self.management_url} gave no new token: is it running?") from error
        if not answer.ok:
            raise ServingError(
                f"TorchServe at {self.management_url} refused a new token (HTTP {answer.status_code}): "
                f"is {self._key_file} the key file of that server?"
            )

    def _stored(self) -> tuple[dict[Kind, Token], str]:
        """The tokens and the API key that the file holds."""
        deadline = time.monotonic() + READING_SECONDS
        while True:
            try:
                readers = self._key_file.stat().st_mode & 0o077
                stored = json.loads(self._key_file.read_text(encoding="utf-8"))
                keys = {kind: _token(stored[kind]) for kind in KINDS}, str(stored["API"]["key"])
            except (OSError, ValueError, TypeError, KeyError) as error:
                if time.monotonic() > deadline:
                    raise ServerError(
                        f"cannot read TorchServe's keys from {self._key_file}: "
                        "is the server running, and is this its working directory? A damaged file is written anew when"
                        " the server is started again"
                    ) from error
                time.sleep(0.02)
                continue
            if readers:
                raise ServingError(
                    f"others can read {self._key_file}: run `{shell_words('chmod', 600, self._key_file)}`"
                )
            return keys


class NoTokens(Keyring):
    """For a server whose token authorisation is off."""

    def inference(self) -> dict[str, str]:
        """No headers."""
        return {}

    def management(self) -> dict[str, str]:
        """No headers."""
        return {}


def _token(stored: dict[str, str]) -> Token:
    return Token(_bearer(stored["key"]), datetime.fromisoformat(stored["expiration time"]).timestamp())


def _fresh(token: Token) -> bool:
    return token.expires - time.time() > MARGIN_SECONDS


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
