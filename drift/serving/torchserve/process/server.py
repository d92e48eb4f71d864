"""One TorchServe process: started, watched, ended. Used by `service`; knows nothing of models.

folder/config.properties, log4j2.xml,
folder/logging.properties               what it was started with
folder/model_store/                     the archives it may load
folder/logs/torchserve.log              its log; console.log has what the launcher and the JVM said
folder/key_file.json                    its tokens (0600), gone when it ends
folder/server.json                      its processes and addresses, for `drift status`
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Self

import psutil
import requests

from drift.errors import ServerError, ServingError, StateError
from drift.serving.torchserve.keys import Keyring, direct_request
from drift.serving.torchserve.process import settings, supervisor
from drift.serving.torchserve.process.record import KEY_FILE, TEMP_PREFIX, ProcessIdentity, ServerRecord, end_orphan
from drift.system.disk import PRIVATE_UMASK, private_folder

START_SECONDS = 60.0  # the JVM answers after 1.5 s; a busy machine takes longer
PROBE_SECONDS = 2.0
LONGEST_TEMP = 60  # bytes
TOKEN_MINUTES = 60  # lifetime of its access tokens
RETAKE_SECONDS = 60.0  # to wait for a port of a server that ended, if another program took it
STARTS = 3  # a port may be taken between our look and the JVM's

logger = logging.getLogger(__name__)


class TorchServe:
    """A server process in `folder`, on loopback ports of its own, that ends with us however we end.

    >>> with TorchServe(Path("run/server")) as server:  # doctest: +SKIP
    ...     server.inference_url
    'http://127.0.0.1:23817'
    """

    def __init__(self, folder: Path, *, port: int | None = None, token_minutes: int = TOKEN_MINUTES) -> None:
        """Remember what to start.

        Args:
            folder: its run folder; made when it starts.
            port: of the inference address; None or 0: a free one.
            token_minutes: lifetime of its access tokens.
        """
        self.folder = folder.absolute()
        self.wanted_port = port or None
        self._token_minutes = token_minutes
        self._ports: settings.Ports | None = None
        self._supervisor: subprocess.Popen[bytes] | None = None

    @property
    def store(self) -> Path:
        """The folder of the archives that it may load."""
        return self.folder / "model_store"

    @property
    def key_file(self) -> Path:
        """Where it writes its tokens."""
        return self.folder / KEY_FILE

    @property
    def ports(self) -> settings.Ports:
        """Its ports; the same after a restart, so that clients and tokens' addresses stay good."""
        if self._ports is None:
            raise ServerError(f"the server of {self.folder} was never started: call start() first")
        return self._ports

    @property
    def inference_url(self) -> str:
        """Where predictions are asked for."""
        return self.ports.inference_url

    @property
    def management_url(self) -> str:
        """Where models are loaded, and tokens renewed."""
        return self.ports.management_url

    @property
    def alive(self) -> bool:
        """Whether the server has not ended; cheap enough to ask before every request."""
        return self._supervisor is not None and self._supervisor.poll() is None

    @property
    def worker_seconds(self) -> float:
        """CPU time that its workers have used, in seconds: grows while they work, stands still while they hang."""
        used = 0.0
        with suppress(psutil.Error):
            for process in psutil.Process(self._supervisor.pid).children(recursive=True) if self._supervisor else []:
                if "model_service_worker" in " ".join(process.cmdline()):
                    times = process.cpu_times()
                    used += times.user + times.system
        return used

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            ServerError: no Java, the port is taken, or it did not come up (with the log's tail as a note).
            StateError: the folder cannot be written, or a running deployment uses it.
        """
        if self.alive:
            return
        java_home = settings.find_java()
        self.stop()  # what is left when our supervisor was killed
        end_orphan(self.folder)  # what an earlier deployment left; it may hold our port
        again = self._ports  # of an earlier start
        if again is not None:  # who takes a port meanwhile does not end us at once
            for port in astuple(again):
                settings.require_free(port, seconds=RETAKE_SECONDS)
        elif self.wanted_port is not None:
            settings.require_free(self.wanted_port)
        for attempt in range(1, STARTS + 1):
            ports = again or settings.choose_ports(self.wanted_port)
            try:
                self._launch(java_home, ports)
                self._wait_until_ready()
                return
            except BaseException as error:  # Ctrl-C, too, must not leave half a server
                lost_a_port = "Address already in use" in self.log_tail(200)
                self.stop()
                if attempt == STARTS or again or not lost_a_port or not isinstance(error, ServerError):
                    raise
                logger.info("a port of %s was taken meanwhile; choosing others", ports)

    def stop(self) -> None:
        """End it with all its processes; nothing is left running or listening. May be called twice."""
        if self._supervisor is None:
            return
        assert self._supervisor.stdin is not None  # noqa: S101  (it was opened as a pipe)
        self._supervisor.stdin.close()  # its signal to end the session
        try:
            self._supervisor.wait(2 * supervisor.GRACE_SECONDS + 2)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()
        self._supervisor = None
        end_orphan(self.folder)  # nothing, unless the supervisor itself was killed

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of what it said: the console's, then its log's."""
        tails = (self.folder / "console.log", self.folder / "logs" / "torchserve.log")
        return "\n".join(line for log in tails for line in _tail(log, lines))

    def _launch(self, java_home: Path, ports: settings.Ports) -> None:
        """Spawn the supervisor, which spawns the launcher, which spawns the JVM."""
        temp: Path | None = None
        try:
            for part in (self.folder, self.store, self.folder / "logs"):
                private_folder(part)  # before the JVM writes its tokens there, which others could read for a moment
            text = settings.configuration(ports, token_minutes=self._token_minutes)
            (self.folder / "config.properties").write_text(text, encoding="ascii")
            (self.folder / "log4j2.xml").write_text(settings.LOGGING, encoding="ascii")
            (self.folder / "logging.properties").write_text(settings.JAVA_LOGGING, encoding="ascii")
            self.key_file.unlink(missing_ok=True)  # an old one would look like readiness
            (self.folder / "logs" / "torchserve.log").unlink(missing_ok=True)
            temp = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=_short_temp()))
            with (self.folder / "console.log").open("wb") as console:
                self._supervisor = subprocess.Popen(
                    [sys.executable, supervisor.__file__, temp, self.key_file, "--", *_command()],
                    cwd=self.folder,
                    env=settings.environment(java_home, temp),
                    stdin=subprocess.PIPE,
                    stdout=console,
                    stderr=console,
                    start_new_session=True,  # Ctrl-C in our terminal is for us to handle
                    umask=PRIVATE_UMASK,
                )
            self._ports = ports
            record = ServerRecord(
                owner=ProcessIdentity.of(psutil.Process().pid),
                supervisor=ProcessIdentity.of(self._supervisor.pid),
                inference_url=ports.inference_url,
                management_url=ports.management_url,
                temp=str(temp),
            )
            record.write(self.folder)
        except OSError as error:
            self.stop()
            if temp is not None:  # its supervisor removes it, but may not have come to life
                shutil.rmtree(temp, ignore_errors=True)
            raise StateError(
                f"cannot prepare {self.folder} for the server ({error.strerror}): "
                "free some space, or give a folder that can be written"
            ) from error

    def _wait_until_ready(self) -> None:
        """Wait for tokens and an answer. A model's readiness is another question: see `control`."""
        deadline = time.monotonic() + START_SECONDS
        keys = Keyring(self.key_file, self.management_url)
        while time.monotonic() < deadline:
            if not self.alive:
                raise self._failure("TorchServe ended while it started")
            # The gRPC ports come last; the JVM ends when one of them is taken.
            if self.key_file.exists() and self._answers(keys) and all(map(settings.listens, astuple(self.ports))):
                return
            time.sleep(0.05)
        raise self._failure(f"TorchServe did not answer within {START_SECONDS:.0f} s")

    def _answers(self, keys: Keyring) -> bool:
        try:
            url = f"{self.inference_url}/ping"
            answer = direct_request("GET", url, headers=keys.inference(), timeout=PROBE_SECONDS, users=keys.users)
        except (requests.RequestException, ServingError):
            return False
        return answer.ok

    def _failure(self, what: str) -> ServerError:
        error = ServerError(f"{what}: see {self.folder / 'console.log'} and {self.folder / 'logs'}")
        error.add_note(self.log_tail())
        return error


def _short_temp() -> str:
    """Where the workers' sockets go: a Unix socket's path may have 107 bytes, whatever folder we run in."""
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= LONGEST_TEMP else "/tmp"  # noqa: S108


def _command() -> list[str]:
    """TorchServe's own launcher; paths are relative to the run folder, its working directory."""
    launcher = [sys.executable, "-P", "-m", "ts.model_server", "--start", "--foreground"]
    return [*launcher, "--ts-config", "config.properties", "--model-store", "model_store", "--ncs"]


def _tail(log: Path, lines: int) -> list[str]:
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 400 * lines))
            return stream.read().decode("utf-8", "replace").splitlines()[-lines:]
    except OSError:
        return []


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
