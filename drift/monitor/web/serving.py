"""The page on an address of this machine, until it is told to stop."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import uvicorn

from drift.errors import UsageError
from drift.monitor.store import Store
from drift.monitor.web.app import create_app
from drift.monitor.web.connections import BoundedProtocol, Unrepeated
from drift.monitor.web.security import Gate

BACKLOG = 128
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    store: Store,
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
        ready: is told the page's address once it listens.

    Raises:
        UsageError: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)  # who comes before the server is up waits
    except OSError as error:
        listening.close()
        raise UsageError(
            f"{host}:{port} cannot be listened on ({error.strerror}): choose another --host or --port"
        ) from error
    with listening, _other_loopback(host, listening.getsockname()[1]) as other:
        app = create_app(store, gate, hosts=frozenset({*LOOPBACK, host, *names}), secure=secure)
        bound = listening.getsockname()[1]
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=5, ws="none",
            http=BoundedProtocol, backlog=BACKLOG,
            lifespan="off",  # the page needs none, and a second Ctrl-C would print the trace of its end
        )  # fmt: skip
        for name in ("asyncio", "uvicorn.error"):
            logging.getLogger(name).addFilter(Unrepeated())
        with suppress(KeyboardInterrupt):  # how one stops it, from the moment on that it has told its address
            ready(f"http://{f'[{host}]' if ':' in host else host}:{bound}/")
            uvicorn.Server(config).run(sockets=[listening, *other])


@contextmanager
def _other_loopback(host: str, port: int) -> Iterator[list[socket.socket]]:
    """The same port of ::1, where 127.0.0.1 is listened on: browsers take the name localhost for ::1 first.

    Raises:
        UsageError: another program listens there.
    """
    if host not in ("127.0.0.1", "localhost"):
        yield []
        return
    with ExitStack() as stack:
        try:
            other = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_STREAM))
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("::1", port))
            other.listen(BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise UsageError(
                    f"[::1]:{port} is listened on by another program, which browsers would take for http://localhost:"
                    f"{port}/: choose another --port"
                ) from error
            yield []  # a machine without IPv6
            return
        yield [other]
