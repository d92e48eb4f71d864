"""Notice an alias that was moved outside of this process while a server runs, and let the server follow it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from drift.errors import DriftError
from drift.loop.events import Said
from drift.loop.promote import Championship

POLL_SECONDS = 20.0  # one request to registry and server each time
END_SECONDS = 10.0  # to wait for a look under way when the server is to end

logger = logging.getLogger(__name__)


@contextmanager
def watched_alias(championship: Championship) -> Iterator[None]:
    """While the body runs, look every 20 s, in a thread, whether the server still serves the registry's champion.

    A champion that cannot be served is told once, and the server goes on with what it has.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(championship, ended), name="alias watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(END_SECONDS)


def _watch(championship: Championship, ended: threading.Event) -> None:
    last_error = ""
    while not ended.wait(POLL_SECONDS):
        try:
            championship.follow()
            last_error = ""
        except DriftError as error:
            if str(error) != last_error and not ended.is_set():
                championship.tell(Said(f"the server goes on with the version it has: {error}"))
            last_error = str(error)
