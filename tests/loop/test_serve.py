"""What `drift serve` prints: how to ask, for models with and without a time."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from drift.commands import loop
from drift.data.calendar import CALENDAR_NAMES
from drift.loop.card import Card, DataSource
from drift.loop.servers import how_to_ask


def card(source: DataSource, *names: str) -> Card:
    return Card(names, ("no", "yes"), {}, (0, 10), (10, 20), "", source)


@pytest.mark.parametrize(
    ("source", "names", "expected"),
    [
        (DataSource(), ("price", *CALENDAR_NAMES), {"price": 0.25, "time": "2026-01-31T08:30:00"}),
        (
            DataSource("a.csv", "y", "sold at"),
            ("it's", *CALENDAR_NAMES),
            {"it's": 0.25, "sold at": "2026-01-31T08:30:00"},
        ),
        (DataSource("a.csv", "y"), ("x", "day_sin"), {"x": 0.25, "day_sin": 0.5}),
    ],
)
def test_the_example_is_a_row_by_name(source: DataSource, names: tuple[str, ...], expected: dict[str, object]) -> None:
    example = np.array([[0.25, 0.5, 0.1, 0.2, 0.3][: len(names)]], np.float32)
    folder = Path("/a folder/server")
    text = how_to_ask("m", 3, card(source, *names), example, url="http://127.0.0.1:1", folder=folder)
    begin = text.index("TOKEN=")
    token, header, curl = text[begin : text.index("\n\nor with Python")].replace("\\\n", "").split("\n")
    assert shlex.split(token.removeprefix("TOKEN=$(").removesuffix(")"))[-1] == "/a folder/server/key_file.json"
    assert header.startswith("printf ") and header.endswith('"$TOKEN" |')  # a builtin: no argument that others see
    words = shlex.split(curl)
    assert words[:5] == ["curl", "-s", "-K", "-", "http://127.0.0.1:1/predictions/m"]
    assert json.loads(words[-1]) == {"records": [expected]}
    assert f"features in order: {', '.join(names)}" in text
    assert ("are computed from" in text) == (source.time is not None or source.path is None)
    assert "a token lives for 60 minutes" in text
    (line,) = [line for line in text.splitlines() if line.startswith("use it with: ")]
    assert shlex.split(line.removeprefix("use it with: ")) == [
        "--server", "http://127.0.0.1:1", "--server_folder", "/a folder/server",
    ]  # fmt: skip


@pytest.mark.parametrize("answers", [True, False])
def test_only_an_interrupt_before_it_answers_is_an_error(
    answers: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C is how a server that answers ends; while it starts, it is an interruption (exit code 130)."""

    def interrupted(*_: object, show: Callable[[str], None], **__: object) -> None:
        if answers:
            show("how to ask")
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("drift.loop.library.serve", interrupted)
    monkeypatch.setattr("drift.loop.library.connect", lambda **_: None)
    monkeypatch.setattr("drift.tracking.registry.Registry.champion", lambda registry: None)
    monkeypatch.setattr("drift.tracking.registry.Registry.holder", lambda registry, alias: None)
    command = vars(loop.serve)["__wrapped__"]  # without what it does to signals
    if answers:
        assert command() is None  # exit code 0
    else:
        with pytest.raises(KeyboardInterrupt):
            command()
