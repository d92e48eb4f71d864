"""Notice an alias that was moved outside of this process while a server runs, and let the server follow it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from drift.errors import DriftError
from drift.loop.events import Notice
from drift.loop.releases.promote import Championship

POLL_SECONDS = 20.0  # one request to registry and server each time
END_SECONDS = 10.0  # to wait for a look under way when the server is to end

logger = logging.getLogger(__name__)


@contextmanager
def watched_alias(championship: Championship) -> Iterator[None]:
    """While the body runs, look every 20 s, in a thread, whether the server still serves the registry's champion.

    A champion that cannot be served is reported once, and the server goes on with what it has; so is any other error.
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
        except Exception as error:  # of the registry's database, a full disk, a defect: the thread looks again
            logger.debug("the champion could not be followed", exc_info=error)
            text = _one_line(error)
            if text != last_error and not ended.is_set():
                with suppress(Exception):  # nobody reads it any more
                    championship.tell(Notice(f"the server goes on with the version it has: {text}"))
            last_error = text


def _one_line(error: Exception) -> str:
    words = " ".join(str(error).split())
    if isinstance(error, DriftError):
        return words
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
