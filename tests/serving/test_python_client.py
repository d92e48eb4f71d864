"""The client for people, against a real server: by name, in order, and refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drift.data.blocks import Floats
from drift.errors import PredictionError, ServingError
from drift.serving import Client, ModelService
from tests.serving.conftest import TinyModel

NAMES = ["f0", "f1", "f2", "f3"]


@pytest.fixture
def client(service: ModelService, service_folder: Path) -> Client:
    return Client(service_folder, "tiny")


@pytest.mark.parametrize("form", ["array", "lists", "records", "frame"])
def test_every_form_of_rows_gives_classes_and_probabilities(
    client: Client, tiny_model: TinyModel, rows: Floats, form: str
) -> None:
    frame = pd.DataFrame(rows, columns=NAMES)[NAMES[::-1]]  # in another order
    given = {
        "array": rows, "lists": rows.tolist(), "records": frame.to_dict("records"), "frame": frame,
    }[form]  # fmt: skip
    answer = client.predict(given)
    expected = tiny_model.probabilities(rows)
    np.testing.assert_allclose(answer.probabilities, expected, atol=1e-6)
    assert (answer.classes, answer.version) == (("a", "b", "c"), 1)
    assert answer.labels == tuple("abc"[code] for code in expected.argmax(axis=1))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"f0": 1, "f1": 2, "f2": 3}], "row 0 lacks f3"),
        ([[1, 2, 3]], "1 or more rows of 4 features"),
        ([{"f0": float("nan"), "f1": 2, "f2": 3, "f3": 4}], "expected finite numbers"),
        ([{"f0": "x", "f1": 2, "f2": 3, "f3": 4}], 'got "x" in row 0'),
    ],
)
def test_what_is_refused_says_what_was_expected(client: Client, rows: object, message: str) -> None:
    with pytest.raises(PredictionError, match=message):
        client.predict(rows)


def test_times_for_a_model_without_them_are_refused(client: Client) -> None:
    with pytest.raises(PredictionError, match="no features that are computed from a time"):
        client.predict([[1, 2, 3, 4]], times=[pd.Timestamp("2026-01-31")])


def test_a_folder_without_a_server_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"start one .drift serve., or give its url"):
        Client(tmp_path)
