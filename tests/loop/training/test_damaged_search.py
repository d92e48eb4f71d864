"""A search to go on with whose files are damaged or missing: one line with the file and the next step."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from drift.data.blocks import Rows
from drift.errors import StateError
from drift.loop.options import TrainOptions
from drift.loop.training import fitting as module
from drift.loop.training.fitting import Fitted, Place, search_and_fit
from drift.tracking.connection.store import Store

ROWS = Rows(np.linspace(0, 1, 120, dtype=np.float32).reshape(60, 2), np.tile([0, 1], 30))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Without MLflow."""

    @contextmanager
    def opened(*args: object, **details: object) -> Iterator[Any]:
        yield SimpleNamespace(id="r", **dict.fromkeys(("params", "describe", "metrics", "tag"), lambda *a, **b: None))

    monkeypatch.setattr(module, "open_run", opened)
    return Place(cast(Store, None), "drift", "parent", tmp_path / "search", "base", {})


def searched(place: Place) -> Fitted:
    options = TrainOptions(max_epochs=1, total_trials=1)
    return search_and_fit(ROWS, ROWS, classes=2, options=options, place=place, tell=lambda event: None)


def test_a_damaged_network_of_a_trial_is_named_with_what_to_do(place: Place) -> None:
    first, path = searched(place), place.folder / "trial-0.pt"
    whole = path.read_bytes()
    assert [file.name for file in place.folder.iterdir() if file.name.startswith(".")] == []
    torch.save({"weights": {"another": torch.zeros(1)}, "history": []}, path)
    for content in (path.read_bytes(), whole[: len(whole) // 2], None):
        path.unlink() if content is None else path.write_bytes(content)
        with pytest.raises(StateError) as refused:
            searched(place)
        reason = "No such file or directory" if content is None else "it is damaged"
        assert str(refused.value) == (
            f"the best trial's network {path} cannot be read: {reason}; put a copy of it back, or delete"
            f" {place.folder} to begin the search anew"
        )
    shutil.rmtree(place.folder)
    assert searched(place).parameters == first.parameters


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"outcomes": [], "curves": [], "running": [], "ax": {}}',
                                     b'{"outcomes": [[]], "curves": [[]], "running": null, "ax": {}}'])  # fmt: skip
def test_a_damaged_search_is_named_with_what_to_do(place: Place, content: bytes) -> None:
    place.folder.mkdir()
    state = place.folder / "search.json"
    state.write_bytes(content)
    with pytest.raises(StateError, match="delete it to begin anew") as refused:
        searched(place)
    assert str(state) in str(refused.value)


def test_a_network_that_cannot_be_written_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_at_once", full)
    with pytest.raises(StateError, match=r"trial-0\.pt: No space left on device"):
        searched(place)
