"""Serve the champion until somebody ends it, and say how to ask it: what `drift serve` does."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np

from drift import serving
from drift.data.blocks import Floats
from drift.data.calendar import CALENDAR_NAMES
from drift.errors import DriftError
from drift.invocation import shell_words
from drift.loop.card import Card
from drift.loop.events import Tell
from drift.loop.journal.journal import Journal
from drift.loop.project_dir import ProjectDir
from drift.loop.releases.promote import Championship, card_of, watched_alias
from drift.loop.servers import clear_way
from drift.tracking.registry import Registry, Version
from drift.tracking.runs.lookup import read_reference

WATCH_SECONDS = 2.0  # between looks at whether the server lives
LOOKS_PER_CHECK = 8  # looks from one check that it answers to the next
EXAMPLE_TIME = "2026-01-31T08:30:00"


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
