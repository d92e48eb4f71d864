"""A server of ours that ended or hangs is started again, once for all threads that need it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from drift.errors import ServingError
from drift.serving.torchserve.process.server import TorchServe

logger = logging.getLogger(__name__)


class Restarter:
    """Keeps one server alive, and ends it."""

    def __init__(self, server: TorchServe | None, reload: Callable[[], None]) -> None:
        """`reload` loads into a server that started again what is to be served; it may ask `ensure`, too."""
        self._server = server  # None when it is somebody else's
        self._reload = reload
        self._turn = threading.Lock()
        self._restarting_thread: int | None = None  # the thread that starts the server again
        self._closed = False
        self._started = time.monotonic()

    def ensure(self) -> None:
        """Start the server again if it ended; other threads wait meanwhile.

        Raises:
            ServingError: it was closed, did not come up, or could not load its versions; then it is down, and the next
                try starts from nothing.
        """
        if self._closed:
            raise ServingError("the service was closed: open another one")
        if self._server is None or self._restarting_thread == threading.get_ident():
            return
        if self._server.alive and self._restarting_thread is None:
            return
        with self._turn:
            if self._server.alive or self._closed:
                return  # another thread was here before
            logger.warning("TorchServe ended; starting it again")
            self._start(self._server)

    def restart(self, began: float) -> bool:
        """End a server that gave no answer and start it again; says whether the request may be tried again.

        Args:
            began: when the request without an answer began, by `time.monotonic`. A server that was started since is
                left alone: another thread did it.

        Raises:
            ServingError: as `ensure`.
        """
        if self._server is None or self._restarting_thread == threading.get_ident():
            return False
        with self._turn:
            if self._closed:
                return False
            if self._started < began:
                logger.warning("TorchServe does not answer; starting it again")
                self._server.stop()
                self._start(self._server)
            return True

    def _start(self, server: TorchServe) -> None:
        self._restarting_thread = threading.get_ident()
        try:
            server.start()
            self._reload()
            self._started = time.monotonic()
        except ServingError:
            server.stop()
            raise
        finally:
            self._restarting_thread = None

    def close(self) -> None:
        """End the server for good, if it is ours. May be called twice."""
        with self._turn:
            self._closed = True
            if self._server is not None:
                self._server.stop()
