"""Requests to a server of ours: straight to its address, with our token and nobody else's, and to nobody else.

A port on loopback belongs to whoever binds it first: while a server starts, and after it ended, another user of this
machine can listen there, be sent our token and rows, and answer. So each connection is looked at, once, before anything
is sent through it: the process at its other end has to belong to this user, to root, or to the owner of the server's
folder. Linux tells that; on other systems, and of servers on other machines, nothing is known, and nothing refused.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError

from drift.errors import ServerError

CONNECTIONS = {4: Path("/proc/net/tcp"), 6: Path("/proc/net/tcp6")}  # by version of IP
IPV4_IN_IPV6 = bytes(10) + b"\xff\xff"
ACCEPT_SECONDS = 5.0  # that a server may take to accept a connection, where the request has no timeout
POLL_SECONDS = 0.005


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
    session.mount("http://", _OwnersOnly(users))
    return session


def direct_request(
    method: str, url: str, *, timeout: float, users: Collection[int], **details: Any
) -> requests.Response:
    """One request, as `requests.request` would send it on a machine without proxies; `users` as in `direct_session`."""
    with direct_session(users) as session:
        return session.request(method, url, timeout=timeout, **details)


class _OwnersOnly(HTTPAdapter):
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


def user_at_other_end(sock: socket.socket, seconds: float) -> int | None:
    """The id of the user whose process has accepted a connection; None if it is not on this machine, or not Linux.

    Args:
        sock: connected, of TCP.
        seconds: to wait until it is accepted: until then the system names no user.

    Raises:
        TimeoutError: it was not accepted.
    """
    if sys.platform != "linux":
        return None
    deadline = time.monotonic() + seconds
    ends = [_forms(*sock.getpeername()[:2]), _forms(*sock.getsockname()[:2])]
    while True:
        entry = _entry(*ends)
        if entry is None:
            return None
        user, accepted = entry
        if accepted:
            return user
        if time.monotonic() > deadline:
            raise TimeoutError(f"the connection was not accepted within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def _entry(local: dict[int, str], remote: dict[int, str]) -> tuple[int, bool] | None:
    """User and whether it was accepted, of a connection on this machine.

    Args:
        local: forms of the address of the end that is asked about, by version of IP.
        remote: those of the other end.
    """
    for version, table in CONNECTIONS.items():
        if version not in local or version not in remote:
            continue
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:  # no IPv6 here
            continue
        wanted = [local[version], remote[version]]
        for line in lines:
            fields = line.split()
            if fields[1:3] == wanted:
                return int(fields[7]), fields[9] != "0"  # the inode of its socket
    return None


def _forms(host: str, port: int) -> dict[int, str]:
    """An address as Linux's tables of connections have it, by version of IP: words of the machine's byte order."""
    try:
        packed = socket.inet_pton(socket.AF_INET, host)
        by_version = {4: packed, 6: IPV4_IN_IPV6 + packed}
    except OSError:
        packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
        by_version = {6: packed}
        if packed.startswith(IPV4_IN_IPV6):
            by_version[4] = packed.removeprefix(IPV4_IN_IPV6)
    return {version: f"{_words(address)}:{port:04X}" for version, address in by_version.items()}


def _words(address: bytes) -> str:
    words = (address[start : start + 4] for start in range(0, len(address), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
