"""A client for programs of the user: rows by name or in order in, class names with probabilities out.

The loop uses `client.TorchServeClient`, which does without class names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drift.data.blocks import Floats
from drift.data.losses import predicted_classes
from drift.errors import PredictionError, ServerError
from drift.serving.torchserve.address import inference_url_of, keyring_of, management_url_of
from drift.serving.torchserve.client import DEADLINE_SECONDS, TorchServeClient
from drift.serving.torchserve.process.record import read_record


@dataclass(frozen=True)
class Prediction:
    """What a served model says of some rows.

    Attributes:
        labels: the most probable class of each row; n names.
        probabilities: float32 (n, classes); each row adds up to 1.
        classes: names of the columns of `probabilities`.
        version: the registered version that answered.
    """

    labels: tuple[str, ...]
    probabilities: Floats
    classes: tuple[str, ...]
    version: int


class Client:
    """Asks a server that `drift serve` or `drift deploy` runs; threads may share one.

    The access token is read from the server's key file and renewed before it ends (each lives for 60 minutes), so the
    client must run on the server's machine, as the user who started it.

    >>> client = Client(".drift/deployments/drift_model-serve/server")  # doctest: +SKIP
    >>> client.predict([{"price": 0.05, "demand": 0.4, "time": "2026-01-31T08:30:00"}]).labels  # doctest: +SKIP
    ('UP',)
    """

    def __init__(
        self,
        server_folder: Path | str,
        model_name: str = "drift_model",
        *,
        url: str | None = None,
        seconds: float = DEADLINE_SECONDS,
    ) -> None:
        """Remember whom to ask; nothing is sent yet.

        Args:
            server_folder: the server's run folder, which `drift serve` prints; it holds `key_file.json`.
            model_name: the registered name.
            url: the inference address; by default what the folder says.
            seconds: how long one prediction may take, with all that is tried again meanwhile.

        Raises:
            ServingError: the folder says nothing of a server and no `url` is given, or none answers there.
        """
        folder = Path(server_folder)
        record = read_record(folder)
        if url is None and record is None:
            raise ServerError(f"there is no server in {folder}: start one (drift serve), or give its url")
        address = inference_url_of(url or (record.inference_url if record else ""))
        keys = keyring_of(folder, management_url_of(address, folder))
        self._npy = TorchServeClient(address, keys, model_name, deadline_seconds=seconds)
        self._json = TorchServeClient(address, keys, model_name, format="json", deadline_seconds=seconds)
        self._classes: dict[int, tuple[str, ...]] = {}  # by version; npy answers do not name them

    def predict(self, rows: Any, *, times: Any = None) -> Prediction:
        """Classes and probabilities of `rows` by the server's present version.

        Args:
            rows: a pandas frame or a list of mappings, features by name in any order, with the time (ISO 8601 or a
                datetime) under the table's own name for it in place of the calendar features; or numbers (n, d) in the
                order of the features.
            times: of the rows, n ISO 8601 texts or datetimes, if `rows` are numbers without the calendar features.

        Raises:
            PredictionError: the rows were refused; the message says what was expected.
            NoAnswerError: no answer came in time.
        """
        if hasattr(rows, "to_dict"):
            rows = rows.to_dict("records")
        if isinstance(rows, Sequence) and len(rows) and isinstance(rows[0], Mapping):
            return self._request({"records": [dict(row) for row in rows]})
        if times is not None:
            return self._request({"rows": np.asarray(rows, np.float64).tolist(), "times": list(times)})
        features = np.asarray(rows, np.float32)
        answer = self._npy.predict(features)
        classes = self._classes_of(answer.version, features[:1])
        labels = tuple(classes[code] for code in answer.predictions)
        return Prediction(labels, answer.probabilities, classes, answer.version)

    def _request(self, body: Mapping[str, Any]) -> Prediction:
        try:
            packed = json.dumps(body, allow_nan=False, default=_plain).encode()
        except (TypeError, ValueError) as error:
            raise PredictionError(f"expected finite numbers and times: {error}") from error
        answer = self._json.ask(packed).json()
        probabilities = np.asarray(answer["probabilities"], np.float32)
        classes, version = tuple(answer["classes"]), int(answer["version"])
        self._classes[version] = classes
        labels = tuple(classes[code] for code in predicted_classes(probabilities))
        return Prediction(labels, probabilities, classes, version)

    def _classes_of(self, version: int, row: Floats) -> tuple[str, ...]:
        """The class names of a version; a model's versions share them unless its table changed."""
        if version not in self._classes:
            prediction = self._request({"rows": row.tolist()})
            self._classes.setdefault(version, prediction.classes)
        return self._classes[version]


def _plain(value: object) -> object:
    """NumPy numbers, and times of any library, as JSON has them."""
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        return value.item()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
