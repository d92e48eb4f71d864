"""Requests to a server of ours: straight to its address, with our token and nobody else's, and to nobody else.

A port on loopback belongs to whoever binds it first: while a server starts, and after it ended, another user of this
machine can listen there, be sent our token and rows, and answer. So each connection is looked at, once, before anything
is sent through it: the process at its other end has to belong to this user, to root, or to the owner of the server's
folder. Linux shows that; on other systems, and of servers on other machines, nothing is known, and nothing refused.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError

from drift.errors import ServerError
from drift.system.socket_owner import user_at_other_end

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
