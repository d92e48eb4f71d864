"""The page on an address of this machine, until it is stopped."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress

import uvicorn

from drift.errors import UsageError
from drift.monitor.store import MonitorStore
from drift.monitor.web.app import create_app
from drift.monitor.web.connections import BoundedProtocol, Unrepeated
from drift.monitor.web.security import Gate

BACKLOG = 128
TRIES = 20  # of a free port, which has to be free on both addresses of loopback
NO_SUCH_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}  # a machine without IPv6
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    store: MonitorStore,
    gate: Gate,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    names: tuple[str, ...] = (),
    secure: bool = False,
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        store: what is shown.
        gate: who may write.
        host: address to listen on.
        port: of it; 0 takes a free one.
        names: by which browsers may ask for it, beside the address and loopback.
        secure: whether they do so by https.
        ready: called with the page's address once it listens.

    Raises:
        UsageError: the address cannot be listened on.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(each) for each in _listening(host, port)]
        app = create_app(store, gate, hosts=frozenset({*LOOPBACK, host, *names}), secure=secure)
        bound = sockets[0].getsockname()[1]
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=5, ws="none",
            http=BoundedProtocol, backlog=BACKLOG,
            proxy_headers=False,  # any process of this machine may send them, and say that it is somebody else
            lifespan="off",  # the page needs none, and a second Ctrl-C would print the trace of its end
        )  # fmt: skip
        for name in ("asyncio", "uvicorn.error", "drift.monitor.web.app"):
            logging.getLogger(name).addFilter(Unrepeated())
        with suppress(KeyboardInterrupt):  # how one stops it, from the moment on that its address is printed
            ready(f"http://{f'[{host}]' if ':' in host else host}:{bound}/")
            uvicorn.Server(config).run(sockets=sockets)


def _listening(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen: on both addresses of loopback where one of them is meant, so that nobody else is localhost.

    Browsers ask for `localhost` at ::1 first. Another user who listened there would be given the token.

    Raises:
        UsageError: an address cannot be listened on.
    """
    twins = {"127.0.0.1": "::1", "localhost": "::1", "0.0.0.0": "::1", "::1": "127.0.0.1"}  # noqa: S104
    for left in reversed(range(TRIES if port == 0 else 1)):
        first = _bound(host, port)
        twin = twins.get(host)
        if twin is None:
            return [first]
        try:
            return [first, _bound(twin, first.getsockname()[1])]
        except UsageError as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and cause.errno in NO_SUCH_ADDRESS:
                return [first]
            first.close()
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


def _bound(host: str, port: int) -> socket.socket:
    try:
        bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:  # no IPv6 here
        raise UsageError(f"{host} cannot be listened on ({error.strerror}): choose another --host") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if host == "::1":
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)  # who comes before the server is up waits
    except OSError as error:
        bound.close()
        raise UsageError(
            f"{host}:{port} cannot be listened on ({error.strerror}): choose another --host or --port"
        ) from error
    return bound
