"""The servers of one model that run in this project, whoever started them, and `drift serve`, which starts one.

One function looks for them, so that every command knows of the same ones. A server belongs to the command that started
it and is ended by its supervisor when that command is gone; one whose command and supervisor were both killed goes on
answering, and is called abandoned here.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from drift import serving
from drift.data.blocks import Floats
from drift.data.calendar import CALENDAR_NAMES
from drift.errors import DriftError, ServingError
from drift.invocation import shell_words
from drift.loop.card import Card
from drift.loop.events import Tell
from drift.loop.journal.journal import Journal
from drift.loop.options import ServerOptions
from drift.loop.project_dir import ProjectDir
from drift.loop.releases.promote import Championship, card_of, watched_alias
from drift.tracking.registry import Registry, Version
from drift.tracking.runs.lookup import read_reference

if TYPE_CHECKING:
    from drift.serving.torchserve.process.record import ServerRecord

ANSWER_SECONDS = 60.0  # for a server that is starting, which takes 5 to 20
STATUS_SECONDS = 3.0  # for a server to say which version answers
ABANDONED = "the command that started it and its supervisor were killed, so nothing restarts it"

logger = logging.getLogger(__name__)
WATCH_SECONDS = 2.0  # between looks at whether the server lives
LOOKS_PER_CHECK = 8  # looks from one check that it answers to the next
EXAMPLE_TIME = "2026-01-31T08:30:00"


@dataclass(frozen=True)
class RunningServer:
    """A server with living processes.

    Attributes:
        name: the deployment's id, or `MODEL-serve`.
        folder: its run folder.
        record: its addresses and processes.
    """

    name: str
    folder: Path
    record: ServerRecord

    @property
    def abandoned(self) -> bool:
        """Whether its supervisor is gone, too: nobody ends it."""
        return self.record.orphaned and not self.record.supervisor.lives

    @property
    def ending(self) -> str:
        """The command that ends what is left of an abandoned server."""
        return " ".join(["kill", *(str(process.pid) for process in self.record.processes)])


def own_folders(home: ProjectDir, model: str) -> list[Path]:
    """Folders of a model's deployments, and of `drift serve`, oldest first."""
    of_model = re.compile(rf"{re.escape(model)}-(serve|\d{{8}}-\d{{6}}-[0-9a-f]{{4}})")
    return [folder for folder in home.deployments() if of_model.fullmatch(folder.name)]


def running_servers(home: ProjectDir, model: str) -> list[RunningServer]:
    """The running servers of a model, newest first."""
    from drift.serving.torchserve.process.record import running

    folders = [(folder.name, folder / "server") for folder in reversed(own_folders(home, model))]
    records = [(name, folder, running(folder)) for name, folder in folders]
    return [RunningServer(name, folder, record) for name, folder, record in records if record]


def answering_version(server: RunningServer, model: str) -> int | None:
    """The version that a server answers with; None if it does not say so in time."""
    from drift.serving.torchserve.control import default_version_of

    with suppress(ServingError):
        return default_version_of(server.folder, model, seconds=STATUS_SECONDS)
    return None


def followed_service(home: ProjectDir, model: str) -> serving.ModelService | None:
    """The service that is to follow a change of champion: that of the newest server with a loaded version, if any.

    A server without any version is just starting and takes up the champion by itself. An abandoned one is used if
    there is no other and it answers; else it is ended, so that no server is left answering with an old version.

    Raises:
        ServingError: a server runs and does not answer.
    """
    servers = running_servers(home, model)
    service = None
    for server in servers:
        if not server.record.orphaned and service is None:
            service = _patiently(server, model)
    for server in servers:
        if server.abandoned and service is None and (service := _still_answering(server, model)) is not None:
            logger.warning("the server at %s follows; %s: %s ends it", service.inference_url, ABANDONED, server.ending)
        elif server.abandoned:
            _end(server)
    return service


def find_service(home: ProjectDir, model: str, server: ServerOptions) -> serving.ModelService | None:
    """The service that follows a change of champion: of the user's own server, else `followed_service`."""
    if server.server is not None and server.server_folder is not None:
        return serving.ModelService.connect(server.server, server.server_folder, model)
    return followed_service(home, model)


def deployment_server(
    home: ProjectDir, server: ServerOptions, port: int | None
) -> Callable[[Literal["npy", "json"], Path, str], AbstractContextManager[serving.ModelService]]:
    """How a deployment gets its server: by starting one, or by using the user's own.

    Only one server of a model is started in one project: a promotion could not reach a second one.

    Args:
        home: the project's folder.
        server: the user's own, if any.
        port: of the server that is started; None for any free one.

    Returns:
        A function of the format of requests, the server's folder and the model's name.
    """

    @contextmanager
    def start(format: Literal["npy", "json"], folder: Path, model: str) -> Iterator[serving.ModelService]:
        if server.server is not None and server.server_folder is not None:
            with serving.ModelService.connect(server.server, server.server_folder, model, format=format) as service:
                yield service
        else:
            with home.lock(f"serving-{model}", doing=f"serving {model} (to use its server: --server)"):
                clear_way(home, model)
                with serving.ModelService.start(folder, model, port=port, format=format) as service:
                    yield service

    return start


def clear_way(home: ProjectDir, model: str) -> None:
    """Before a server of the model starts: end those whose command is gone, delete the archives of those that ended."""
    from drift.serving.torchserve.archive import drop_archives
    from drift.serving.torchserve.process.record import running

    for server in running_servers(home, model):
        if server.record.orphaned:
            _end(server)
    for folder in own_folders(home, model):
        if running(folder / "server") is None:
            drop_archives(folder / "server" / "model_store", model, keep=())  # --resume packs them again


def _open(server: RunningServer, model: str) -> serving.ModelService | None:
    """The service of a server; None if no version is loaded there."""
    service = serving.ModelService.connect(server.record.inference_url, server.folder, model)
    return service if service.loaded else None


def _still_answering(server: RunningServer, model: str) -> serving.ModelService | None:
    with suppress(ServingError):
        return _open(server, model)
    return None


def _patiently(server: RunningServer, model: str) -> serving.ModelService | None:
    """A living server that does not answer is starting, or starting again: changing the champion waits for it."""
    deadline = monotonic() + ANSWER_SECONDS
    while True:
        try:
            return _open(server, model)
        except ServingError as error:
            if monotonic() > deadline:
                raise ServingError(
                    f"a server of this model runs but does not answer, so the champion stays: {error};"
                    f" try again, or end the command that started it (process {server.record.owner.pid})"
                ) from error
            sleep(0.5)


def _end(server: RunningServer) -> None:
    from drift.serving.torchserve.process.record import end_orphan

    if end_orphan(server.folder):
        logger.warning("ended the server at %s: the command that started it was killed", server.record.inference_url)


def serve(
    registry: Registry, home: ProjectDir, journal: Journal, *, port: int | None, tell: Tell, show: Callable[[str], None]
) -> None:
    """Serve the champion, follow its alias, and start the server again if it ends or hangs, until interrupted.

    Args:
        registry: of the model to serve.
        home: the project's folder.
        journal: its audit trail.
        port: of the server; None takes a free one.
        tell: hears what happens meanwhile.
        show: is given the text that says how to ask, once the server answers.

    Raises:
        StateError: another process serves this model.
        DriftError: the champion cannot be served, or the server did not come up again.
    """
    name = registry.name
    folder = home.deployment(f"{name}-serve") / "server"
    with ExitStack() as stack:
        stack.enter_context(home.lock(f"serving-{name}", doing=f"serving {name}"))
        clear_way(home, name)
        service = stack.enter_context(serving.ModelService.start(folder, name, port=port))
        championship = Championship(registry, lambda: service, journal, home, tell)
        champion = championship.reconcile()
        card = card_of(registry, champion)
        example = example_row(registry, champion, card)
        show(how_to_ask(name, champion.number, card, example, url=service.inference_url, folder=folder))
        service.restore_with(championship.restore)
        stack.enter_context(watched_alias(championship))
        for look in count(1):
            sleep(WATCH_SECONDS)
            service.keep_alive()
            if look % LOOKS_PER_CHECK == 0:
                service.check_answers(example)


def example_row(registry: Registry, version: Version, card: Card) -> Floats:
    """Features (1, d) of a row that the version was accepted on; zeros if they cannot be had."""
    with suppress(DriftError, OSError):
        return read_reference(registry.release(version).reference_file, registry.name).features[:1]
    return np.zeros((1, len(card.feature_names)), np.float32)


def how_to_ask(name: str, version: int, card: Card, example: Floats, *, url: str, folder: Path) -> str:
    """Lines to paste into a shell and into Python that ask a running server, with a row as an example.

    Args:
        name: the model's registered name.
        version: that answers.
        card: of that version.
        example: features (1, d).
        url: the server's inference address.
        folder: its run folder.
    """
    from drift.serving.torchserve.process.server import TOKEN_MINUTES

    record = _record(card, example)
    keys, address = folder / "key_file.json", f"{url}/predictions/{name}"
    reading = 'import json, sys; print(json.load(open(sys.argv[1]))["inference"]["key"])'
    lines = [
        f"version {version} at {address}",
        "",
        "ask with curl:",
        "",
        f"TOKEN=$(python3 -c {shell_words(reading, keys)})",
        'printf \'header = "Authorization: Bearer %s"\' "$TOKEN" |',  # not as an argument, which everybody can read
        f"  curl -s -K - {shell_words(address)} -H 'Content-Type: application/json' \\",
        f"  -d {shell_words(json.dumps({'records': [record]}, ensure_ascii=False))}",
        "",
        "or with Python:",
        "",
        "from drift.serving import Client",
        f"client = Client({str(folder)!r}, {name!r})",
        f"answer = client.predict([{record!r}])",
        "print(answer.labels, answer.probabilities, answer.classes, answer.version)",
        "",
        f"features in order: {', '.join(card.feature_names)}",
    ]
    if card.time_name is not None:
        lines.append(f"{', '.join(CALENDAR_NAMES)} are computed from {card.time_name} (UTC), if it is given")
    lines += [
        f"a token lives for {TOKEN_MINUTES} minutes: read the file again then, as Client does",
        f"use it with: {shell_words('--server', url, '--server_folder', folder)}",
        "Ctrl-C ends it",
    ]
    return "\n".join(lines)


def _record(card: Card, example: Floats) -> dict[str, Any]:
    """The example by name, with a time in place of the calendar features where they are computed from one."""
    values = dict(zip(card.feature_names, (float(f"{value:.6g}") for value in example[0]), strict=True))
    if card.time_name is None:
        return dict(values)
    return {name: value for name, value in values.items() if name not in CALENDAR_NAMES} | {
        card.time_name: EXAMPLE_TIME
    }
