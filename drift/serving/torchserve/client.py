"""Features in, probabilities out: TorchServe over HTTP as a `Predictor`. Used by `service` and by hand.

One POST for each block over a connection that stays open. What may pass (a worker that died, a
server that restarts) is tried again until one deadline, which is safe because asking twice changes
nothing; what will not (rows that the model refuses) is raised at once, in the server's words.
"""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from typing import Literal

import numpy as np
import requests

from drift.data.blocks import Answer, Floats
from drift.errors import NoAnswerError, PredictionError, ServerError
from drift.serving.torchserve.control import INVALID_KEY, read_refusal
from drift.serving.torchserve.keys import Keyring, direct_session

Format = Literal["npy", "json"]

VERSION_HEADER = "x-model-version"
CONTENT_TYPE = {"npy": "application/x-npy", "json": "application/json"}
DEADLINE_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
PART_BYTES = 6_000_000  # of one request: TorchServe's own limit is 6,553,500, that of ours 8 MB
BYTES_PER_NUMBER = {"npy": 4, "json": 24}  # at most
VERSION_CHANGES = 3  # that one block is asked again for, whose parts were answered by two versions
TEMPORARY_STATUSES = (500, 502, 503, 504, 507)  # a worker died, or none is up yet


class TorchServeClient:
    """Answers of one model, by whichever version is the default."""

    def __init__(
        self,
        inference_url: str,
        keyring: Keyring,
        model_name: str,
        *,
        format: Format = "npy",
        deadline_seconds: float = DEADLINE_SECONDS,
        before_each_try: Callable[[], None] = lambda: None,
        restart: Callable[[float], bool] = lambda began: False,
    ) -> None:
        """Remember whom to ask; nothing is sent yet.

        Args:
            inference_url: the server's inference address.
            keyring: its tokens.
            model_name: the name the model is registered under.
            format: `npy` is several times faster; `json` can be read by eye.
            deadline_seconds: how long one prediction may take, all its tries together, `before_each_try` aside.
            before_each_try: called before anything is sent; `service` restarts a dead server in it.
            restart: called after a deadline passed without an answer, with the time at which the prediction began;
                says whether the server was started again, so that another attempt is worth it.
        """
        self._url = f"{inference_url}/predictions/{model_name}"
        self._keys = keyring
        self._format: Format = format
        self._deadline_seconds = deadline_seconds
        self._before_each_try = before_each_try
        self._restart = restart
        self._threads = threading.local()  # a session each: requests' own is not made to be shared
        self.longest_seconds = 0.0  # of the answers so far; unloading waits at least that long

    def predict(self, features: Floats) -> Answer:
        """Class probabilities of `features`, float32 (n, d), by one version; many rows go in several requests.

        Raises:
            PredictionError: the rows were refused, or the answer was no probabilities.
            NoAnswerError: there was no answer before the deadline, nor after the server was started again.
        """
        width = BYTES_PER_NUMBER[self._format] * (features.shape[1] if features.ndim == 2 else 1)
        rows = max(1, PART_BYTES // max(1, width))
        if len(features) <= rows:
            return self._answered(features)
        for _ in range(1 + VERSION_CHANGES):
            parts = [self._answered(features[start : start + rows]) for start in range(0, len(features), rows)]
            if len({part.version for part in parts}) == 1:
                return Answer(np.concatenate([part.probabilities for part in parts]), parts[0].version)
        raise PredictionError(
            f"{self._url} changed its version {1 + VERSION_CHANGES} times while it was asked: try again"
        )

    def _answered(self, features: Floats) -> Answer:
        return _answer(self.ask(_packed(features, self._format)), len(features))

    def ask(self, body: bytes) -> requests.Response:
        """The answer to a request of this client's format, whatever it holds.

        Raises:
            PredictionError, NoAnswerError: as `predict`.
        """
        began = time.monotonic()
        try:
            return self._asked_until_deadline(body)
        except NoAnswerError:
            if not self._restart(began):
                raise
        try:
            return self._asked_until_deadline(body)
        except NoAnswerError as error:
            raise NoAnswerError(f"{error}; it was started again, which did not help") from error

    def _asked_until_deadline(self, body: bytes) -> requests.Response:
        deadline = time.monotonic() + self._deadline_seconds
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                began = time.monotonic()
                self._before_each_try()
                deadline += time.monotonic() - began
                return self._ask(body, deadline)
            except _TemporaryFailure as trouble:
                if time.monotonic() + pause > deadline:
                    raise NoAnswerError(
                        f"{self._url} gave no answer within {self._deadline_seconds:.0f} s: {trouble}"
                    ) from trouble
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _ask(self, body: bytes, deadline: float) -> requests.Response:
        started = time.monotonic()
        response = self._post(body, deadline)
        if response.status_code == 400 and read_refusal(response)[0] == INVALID_KEY:
            self._keys.reread()
            response = self._post(body, deadline)
        if not response.ok:
            raise _error(response, len(body))
        self.longest_seconds = max(self.longest_seconds, time.monotonic() - started)
        return response

    def _post(self, body: bytes, deadline: float) -> requests.Response:
        session = getattr(self._threads, "session", None)
        if session is None:
            session = self._threads.session = direct_session(self._keys.users)
            session.headers.update({"Content-Type": CONTENT_TYPE[self._format], "Accept-Encoding": "identity"})
        try:
            return session.post(
                self._url,
                data=body,
                headers=self._keys.inference(),
                timeout=max(0.1, deadline - time.monotonic()),
            )
        except requests.Timeout as error:
            raise _TemporaryFailure("it hangs, or is too busy") from error
        except requests.ConnectionError as error:
            raise _TemporaryFailure("it takes no connection, or broke it off") from error
        except (requests.RequestException, ServerError) as error:
            raise _TemporaryFailure(" ".join(str(error).split())) from error


class _TemporaryFailure(Exception):  # noqa: N818  (never leaves this module)
    """A failure that another try may not meet."""


def _packed(features: Floats, format: Format) -> bytes:
    if format == "json":
        try:
            return json.dumps({"rows": features.tolist()}, allow_nan=False).encode()
        except ValueError as error:
            raise PredictionError("expected finite features, got NaN or infinity") from error
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(features, dtype=np.float32), allow_pickle=False)
    return buffer.getvalue()


def _error(response: requests.Response, size: int) -> Exception:
    kind, message = read_refusal(response)
    reason = f"HTTP {response.status_code}: {message}"
    if response.status_code in TEMPORARY_STATUSES:
        return _TemporaryFailure(reason)
    if response.status_code == 413:
        return PredictionError(f"a block of {size / 2**20:.1f} MB is too large for the server: use a smaller block")
    return PredictionError(message if kind == "RefusedInput" else f"{response.url} answered {reason}")


def _answer(response: requests.Response, rows: int) -> Answer:
    """The probabilities in `response`, checked, with the version that gave them."""
    try:
        if response.headers.get("Content-Type") == CONTENT_TYPE["npy"]:
            probabilities = np.load(io.BytesIO(response.content), allow_pickle=False)
        else:
            probabilities = np.asarray(response.json()["probabilities"], np.float32)
        version = int(response.headers[VERSION_HEADER])
    except (ValueError, KeyError, TypeError, EOFError) as error:
        raise PredictionError(
            f"{response.url} answered with no probabilities and version: was the model packed by this package?"
        ) from error
    if (
        probabilities.dtype != np.float32
        or probabilities.ndim != 2
        or len(probabilities) != rows
        or not np.isfinite(probabilities).all()
    ):
        raise PredictionError(
            f"expected finite float32 probabilities of {rows} rows from {response.url}, "
            f"got {probabilities.dtype} of shape {probabilities.shape}"
        )
    return Answer(probabilities, version)
