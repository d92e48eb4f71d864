"""One model's name, served: the only part of this subpackage that the loop needs.

    with ModelService.start(folder / "server", "elec") as service:
        archive = build_archive(..., store=service.store)
        service.load(archive, 1)                   # beside what serves already; disturbs nothing
        service.make_default(1)
        answer = service.predict(block.features)   # a Predictor; survives dead workers and a dead server

A new version takes over in the order `load`, `make_default`, `retire`, in which no request is lost.
Every step can be repeated after a crash. If the server dies, the next prediction restarts it with the
versions that were loaded, and so does one that gets no answer for 30 s; if this process ends, the
supervisor ends the server.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from drift.data.blocks import Answer, Floats
from drift.errors import ArchiveError, DriftError, NoAnswerError, PredictionError, ServingError
from drift.serving.torchserve.address import inference_url_of, keyring_of, management_url_of, model_store_of
from drift.serving.torchserve.archive import drop_archives
from drift.serving.torchserve.client import Format, TorchServeClient
from drift.serving.torchserve.control import Control, load_version
from drift.serving.torchserve.keys import Keyring
from drift.serving.torchserve.process.server import Restarter, TorchServe

LOAD_SECONDS = 120.0  # one worker needs 3 to 7; a machine at work needs more
DRAIN_SECONDS = 60.0
LOG_LINES = 200  # of which one tells why a worker died
SHORTEST_DRAIN_SECONDS = 0.5  # for requests of others, whose length we cannot know

IDLE_SECONDS = 0.5  # of CPU that workers may use, while no answer comes, and yet count as doing nothing

T = TypeVar("T")

logger = logging.getLogger(__name__)


class ModelService:
    """A server, its management and a client, for one model's name. Threads may share one."""

    def __init__(
        self,
        keyring: Keyring,
        inference_url: str,
        management_url: str,
        store: Path,
        model_name: str,
        *,
        format: Format,
        server: TorchServe | None,
    ) -> None:
        """Use `start` or `connect` instead; `server` is the process that this service ends, if any."""
        self.store = store
        self.inference_url = inference_url
        self._model = model_name
        self._keys = keyring
        self._server = server
        self._control = Control(management_url, keyring, model_name)
        self._archives: dict[int, str] = {}  # what a restarted server loads again
        self._default: int | None = None
        self._restarter = Restarter(server, self._reload)
        self._restore: Callable[[], object] | None = None
        ensure = self._restarter.ensure
        self._client = TorchServeClient(
            inference_url, keyring, model_name, format=format, before_each_try=ensure, restart=self._restarter.restart
        )
        self._probe = TorchServeClient(inference_url, keyring, model_name, before_each_try=ensure)

    @classmethod
    def start(cls, folder: Path, model_name: str, *, port: int | None = None, format: Format = "npy") -> Self:
        """Start a TorchServe in `folder` that ends with `close`, or with this process.

        Raises:
            ServerError: it did not come up.
            StateError: the folder cannot be written, or is in use.
        """
        server = TorchServe(folder, port=port)
        server.start()
        keys, url = Keyring(server.key_file, server.management_url), server.inference_url
        return cls(keys, url, server.management_url, server.store, model_name, format=format, server=server)

    @classmethod
    def connect(cls, url: str, server_folder: Path, model_name: str, *, format: Format = "npy") -> Self:
        """Use a TorchServe that runs already, and never stop it.

        Args:
            url: its inference address.
            server_folder: its run folder, with `model_store/` and, unless token authorisation is off, `key_file.json`.
                Its `server.json` or `config.properties` tells the management address; without one it is the port after
                `url`'s.
            model_name: the name to serve under.
            format: how features travel.

        Raises:
            ServerError: it does not answer.
            ServingError: its keys cannot be used.
        """
        url = inference_url_of(url)
        management = management_url_of(url, server_folder)
        keys, store = keyring_of(server_folder, management), model_store_of(server_folder)
        service = cls(keys, url, management, store, model_name, format=format, server=None)
        service._control.versions()  # what is wrong is said now, not at the first block
        return service

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server if it is ours; nothing can be asked any more. May be called twice."""
        self._restarter.close()

    def predict(self, features: Floats) -> Answer:
        """Class probabilities of `features` (n, d) by the default version.

        Raises:
            PredictionError: the rows were refused, or the answer was no probabilities.
            ServerError: no answer came in time, although the server was restarted if it had to be.
        """
        return self._client.predict(features)

    @property
    def loaded(self) -> dict[int, str]:
        """Versions with a worker that can answer, and the names of the archives they were loaded from."""
        versions = self._answered(self._control.versions)
        self._archives = {version: loaded.archive for version, loaded in versions.items()}  # others change them, too
        return {version: loaded.archive for version, loaded in versions.items() if loaded.ready}

    @property
    def default_version(self) -> int | None:
        """The version that answers `predict`; None when none is loaded."""
        self._default = self._answered(self._control.default_version)
        return self._default

    def load(self, archive: Path, version: int, *, seconds: float = LOAD_SECONDS) -> None:
        """Load `archive` beside the versions that serve, and wait until it can answer.

        The very first version becomes the default by itself. Loading what is loaded changes nothing.

        Raises:
            ArchiveError: the archive is not in the store, or that version was loaded from another one.
            ServerError: it does not come up; it is unloaded again, and what served goes on serving.
        """
        if archive.parent.resolve() != self.store.resolve() or not archive.is_file():
            raise ArchiveError(f"expected an archive in {self.store}, got {archive}: build it there")
        loaded = self._answered(self._control.versions).get(version)
        if loaded and loaded.archive != archive.name:
            raise ArchiveError(
                f"version {version} is loaded from {loaded.archive}, not from {archive.name}: retire it first"
            )
        self._answered(lambda: self._load(archive.name, version, seconds))
        self._archives[version] = archive.name
        if self._default is None:
            self._default = self._control.default_version()

    def make_default(self, version: int) -> None:
        """Let `version` answer every prediction that starts after this call returned.

        Raises:
            ServingError: it has no worker that could answer.
        """
        if version not in self.loaded:
            raise ServingError(f"version {version} of {self._model} is not loaded: load its archive first")
        self._answered(lambda: self._control.set_default(version))
        self._default = version

    def retire(self, version: int) -> None:
        """Unload `version` when nobody waits for it any more. Unloading what is not loaded is fine.

        Raises:
            ServingError: it is the default.
        """
        versions = self._answered(self._control.versions)
        if version not in versions:
            return
        if version == self.default_version and len(versions) > 1:
            raise ServingError(f"version {version} is the default: make another one the default first")
        longest = max(SHORTEST_DRAIN_SECONDS, self._client.longest_seconds)
        self._control.drain(version, seconds=DRAIN_SECONDS, longest_request=longest)
        self._control.unregister(version)
        self._archives.pop(version, None)
        if version == self._default:
            self._default = None

    def drop_archives(self, keep: Collection[str]) -> None:
        """Delete archives of this model that are ours, not loaded and not among those to `keep`, by file name."""
        loaded = [version.archive for version in self._answered(self._control.versions).values()]
        drop_archives(self.store, self._model, keep={*keep, *loaded})

    def _load(self, archive_name: str, version: int, seconds: float) -> None:
        server = self._server
        log_tail = (lambda: "") if server is None else partial(server.log_tail, LOG_LINES)
        load_version(self._control, archive_name, version, seconds, log=log_tail)

    def restore_with(self, restore: Callable[[], object]) -> None:
        """Call `restore` after a restart, to load what is to be served; it may know better than this object does.

        Another process may have changed the default since this one last did. If `restore` fails for a reason outside
        serving, what this object remembers is loaded.
        """
        self._restore = restore

    def keep_alive(self) -> None:
        """Start our server again if it ended; predictions do so by themselves."""
        self._restarter.ensure()

    def check_answers(self, row: Floats) -> None:
        """Start our server again if it gives no answer for 30 s although its workers do nothing.

        A server that has more to do than it can is not started again: that would lose what waits for an answer.

        Args:
            row: features (1, d) to ask with; an answer that refuses them is one, too.

        Raises:
            ServingError: it did not come up again.
        """
        began = time.monotonic()
        worked = self._server.worker_seconds if self._server else 0.0
        try:
            self._probe.predict(row)
        except PredictionError:
            return
        except NoAnswerError:
            if self._server is not None and self._server.worker_seconds - worked < IDLE_SECONDS:
                self._restarter.restart(began)

    def _answered(self, ask: Callable[[], T]) -> T:
        """What `ask` gives; a server of ours that gives no answer is started again, once."""
        self._restarter.ensure()
        began = time.monotonic()
        try:
            return ask()
        except NoAnswerError:
            if not self._restarter.restart(began):
                raise
        return ask()

    def _reload(self) -> None:
        """Load into a server that started again what is to be served, or else what was."""
        self._keys.reread()
        archives, default = dict(self._archives), self._default
        if self._restored():
            return
        by_default_first = sorted(archives, key=lambda version: version != default)
        for version in by_default_first:
            if (self.store / archives[version]).is_file():
                self._load(archives[version], version, LOAD_SECONDS)
        self._archives, self._default = archives, default
        if default in archives:
            self._control.set_default(default)

    def _restored(self) -> bool:
        if self._restore is None:
            return False
        try:
            self._restore()
        except ServingError:
            raise
        except DriftError as error:
            logger.warning("%s; loading what was served before", error)
            return False
        self._default = self.default_version
        return True
