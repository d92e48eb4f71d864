"""What runs inside TorchServe's worker. It ships in the archive with `exported_program`, the one module it imports.

A request is `.npy` bytes (`application/x-npy`) with features (n, d) in order, or JSON (`application/json`):

    {"rows": [[...], ...]}                         features in order
    {"rows": [[...], ...], "times": ["...", ...]}  without the calendar features, which are computed from the times
    {"records": [{"price": 1.5, "time": "2026-01-31T08:30:00"}, ...]}    by name, in any order

Times are ISO 8601, taken as UTC where they name no offset; they are for models of a table with a time column. An
answer is of the same kind: float32 probabilities (n, classes) as `.npy`, or `{"predictions": ["UP", ...],
"probabilities": [[...], ...], "classes": [...], "version": 3}`; the version is in the header `x-model-version`, too.
Requests that TorchServe hands over together are run together but checked one by one: a bad one is answered HTTP 400
with what was expected and what came, and spoils no other.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ts.context import Context

# In a worker the module lies beside this one; in this project's own process it has its usual name.
load_program = import_module("drift.models.exported_program" if __package__ else "exported_program").load_program

NPY = "application/x-npy"
JSON = "application/json"
PART_ROWS = 16_384  # that go through the network at once
MOST_ROWS = 2_000_000  # of a request: small whole numbers are made four times as large
LARGEST = float(np.finfo(np.float32).max)
CALENDAR = ("day_sin", "day_cos", "week_sin", "week_cos")  # features computed from a time


class Handler:
    """One model in one worker. TorchServe finds it as the only class of this module."""

    def initialize(self, context: Context) -> None:
        """Load the model and prove that it is the accepted one and answers.

        Raises:
            RuntimeError: it is another file, or does not give one probability per class. TorchServe
                then fails the load.
        """
        folder = Path(context.system_properties["model_dir"])
        card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self.features: list[str] = card["feature_names"]
        self.classes: list[str] = card["classes"]
        self.version = int(card["version"])
        self.time: str | None = card.get("time")  # what records call the time; None if there are no calendar features
        # TorchServe unpacks without a look at the archive's directory: half of one may pass until here.
        with (folder / "model.pt2").open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != card["sha256"]:
            raise RuntimeError(f"expected a model with SHA-256 {card['sha256']}, got {digest}: pack it again")
        torch.set_num_threads(1)  # workers share the cores; small matrices gain nothing from threads
        self.model = load_program(folder / "model.pt2")
        trial = self._run(np.zeros((2, len(self.features)), np.float32))
        if trial.shape != (2, len(self.classes)):
            raise RuntimeError(f"expected {len(self.classes)} probabilities a row, got shape {trial.shape}")
        # Two lines of log for each request would fill a disk; warnings and tracebacks still come.
        logging.getLogger().addFilter(_is_worth_a_line)

    def handle(self, data: list[dict[str, Any]], context: Context) -> list[bytes]:
        """The answers to a batch of requests, in order."""
        answers: list[bytes] = [b""] * len(data)
        good: list[tuple[int, str, np.ndarray]] = []
        for index, request in enumerate(data):
            try:
                kind, body = _unpack(request, context, index)
                rows = _read_npy(body) if kind == NPY else self._read_json(body)
                good.append((index, kind, self._checked(rows)))
            except ValueError as error:
                answers[index] = _refuse(context, index, 400, str(error))
        if not good:
            return answers
        together = self._run(np.concatenate([rows for _, _, rows in good]))
        ends = np.cumsum([len(rows) for _, _, rows in good])
        for (index, kind, _), probabilities in zip(good, np.split(together, ends[:-1]), strict=True):
            if np.isfinite(probabilities).all():
                answers[index] = self._answer(context, index, kind, probabilities)
            else:  # not 500: asking again would not help
                answers[index] = _refuse(context, index, 422, "the model gave NaN or infinity for these rows")
        return answers

    def _read_json(self, body: object) -> np.ndarray:
        """Features (n, d) of a JSON request in any of its forms, or ValueError."""
        request = _parsed(body)
        rows, times = (
            self._by_name(request["records"]) if "records" in request else (request.get("rows"), request.get("times"))
        )
        return _numbers(rows) if times is None else self._with_calendar(_numbers(rows), times)

    def _with_calendar(self, rows: np.ndarray, times: object) -> np.ndarray:
        if self.time is None:
            raise ValueError("expected no times: this model has no features that are computed from a time")
        names = [name for name in self.features if name not in CALENDAR]
        if len(rows) and rows.shape[1] != len(names):
            raise ValueError(
                f"expected rows of {len(names)} features beside their times ({', '.join(names)}), got {rows.shape[1]}"
            )
        calendar = _calendar(times, len(rows))
        columns = {**dict(zip(names, rows.T, strict=False)), **dict(zip(CALENDAR, calendar.T, strict=True))}
        return np.column_stack([columns[name] for name in self.features]) if len(rows) else rows

    def _by_name(self, records: object) -> tuple[list[list[Any]], list[Any] | None]:
        """Rows in the order of the features, and their times if the records have them."""
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records) or not records:
            raise ValueError('expected JSON {"records": [{"name": number, ...}, ...]}, one object for each row')
        timed = self.time is not None and (self.time in records[0] or not records[0].keys() & set(CALENDAR))
        names = [name for name in self.features if not (timed and name in CALENDAR)]
        expected = {*names, self.time} if timed else {*names}
        for row, record in enumerate(records):
            if record.keys() != expected:
                missing, extra = sorted(expected - record.keys()), sorted(record.keys() - expected)
                raise ValueError(
                    f"expected records of {', '.join([*names, *([str(self.time)] if timed else [])])}; row {row} lacks"
                    f" {', '.join(missing) or 'none'} and has {', '.join(extra)[:200] or 'none'} beside them"
                )
        rows = [[record[name] for name in names] for record in records]
        return rows, [record[self.time] for record in records] if timed else None

    def _checked(self, rows: np.ndarray) -> np.ndarray:
        """`rows` as float32 (n, d), or ValueError."""
        width = len(self.features)
        if len(rows) > MOST_ROWS:
            raise ValueError(f"expected at most {MOST_ROWS:,} rows in one request, got {len(rows):,}: send several")
        if rows.ndim != 2 or rows.shape[1] != width or len(rows) == 0:
            raise ValueError(
                f"expected 1 or more rows of {width} features ({', '.join(self.features)}), "
                f"got an array of shape {rows.shape}"
            )
        with np.errstate(over="ignore"):  # too large for float32: caught below, as infinity
            rows = rows.astype(np.float32, copy=False)
        finite = np.isfinite(rows)
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            raise ValueError(f"expected finite numbers, got {rows[row, column]} in row {row}, {self.features[column]}")
        return rows

    def _run(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities (n, classes) of all rows, a part at a time: what a network holds meanwhile grows with them."""
        parts = []
        with torch.inference_mode():
            for start in range(0, len(rows), PART_ROWS):
                answer = self.model(torch.from_numpy(rows[start : start + PART_ROWS]))
                parts.append(answer.numpy().astype(np.float32, copy=False))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _answer(self, context: Context, index: int, kind: str, probabilities: np.ndarray) -> bytes:
        context.set_response_content_type(index, kind)
        context.set_response_header(index, "x-model-version", str(self.version))
        if kind == NPY:
            return _npy(probabilities)
        content = {
            "predictions": [self.classes[code] for code in probabilities.argmax(axis=1)],
            "probabilities": probabilities.tolist(),
            "classes": self.classes,
            "version": self.version,
        }
        return json.dumps(content, allow_nan=False).encode()


def _unpack(request: dict[str, Any], context: Context, index: int) -> tuple[str, Any]:
    """Content type and body of one request, or ValueError."""
    sent = context.get_request_header(index, "body") or {}
    kind = sent.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (NPY, JSON):
        raise ValueError(f"expected content type {NPY} or {JSON}, got {kind or 'none'}")
    if not (body := request.get("body")):
        raise ValueError(f"expected {kind} in the body, got an empty one")
    return kind, body


def _read_npy(body: bytes | bytearray) -> np.ndarray:
    try:
        rows = np.load(io.BytesIO(body), allow_pickle=False)  # a pickle could run anything
    except Exception as error:  # SyntaxError and MemoryError come, too, from a header that lies
        raise ValueError(f"expected one array in .npy format, without pickled objects: {_line(error)}") from error
    if not isinstance(rows, np.ndarray) or rows.dtype.kind not in "fiu":
        raise ValueError(f"expected one .npy array of numbers, got {getattr(rows, 'dtype', 'an archive of arrays')}")
    return rows


def _parsed(body: object) -> dict[str, Any]:
    """The JSON object of a request, or ValueError."""
    if isinstance(body, bytes | bytearray):  # TorchServe parses JSON itself, unless it cannot
        try:
            body = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ValueError(f'expected JSON {{"rows": [[...], ...]}}: {_line(error)}') from error
    return body if isinstance(body, dict) else {}


def _numbers(rows: object) -> np.ndarray:
    """Rows of JSON numbers as float64 (n, d), or ValueError."""
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise ValueError('expected JSON {"rows": [[...], ...]}, a list of rows of numbers')
    for row, values in enumerate(rows):
        for value in values:
            if type(value) not in (int, float) or not -LARGEST <= value <= LARGEST:  # True is an int, too
                raise ValueError(f"expected finite numbers, got {json.dumps(value)[:60]} in row {row}")
    widths = sorted({len(row) for row in rows})
    if len(widths) > 1:
        raise ValueError(f"expected rows of one length, got lengths {widths[0]} to {widths[-1]}")
    return np.array(rows, np.float64)


def _calendar(times: object, rows: int) -> np.ndarray:
    """Position in the day and in the week of ISO 8601 times, (n, 4), as the training table has them."""
    if not isinstance(times, list) or len(times) != rows:
        raise ValueError(
            f"expected one time for each of {rows} rows, got {len(times) if isinstance(times, list) else 1}"
        )
    moments = []
    for row, time in enumerate(times):
        try:
            moment = datetime.fromisoformat(time)
            moments.append(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment)
        except (TypeError, ValueError, OverflowError) as error:
            got = json.dumps(time)[:60]
            raise ValueError(f"expected times as 2026-01-31T08:30:00, got {got} in row {row}") from error
    seconds = np.array(moments, "datetime64[us]").astype("datetime64[s]").astype(np.int64)
    day = 2 * np.pi * (seconds % 86_400) / 86_400
    week = 2 * np.pi * ((seconds - 4 * 86_400) % 604_800) / 604_800  # the epoch was a Thursday; weeks begin on Monday
    return np.column_stack([np.sin(day), np.cos(day), np.sin(week), np.cos(week)]).astype(np.float32)


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _refuse(context: Context, index: int, code: int, message: str) -> bytes:
    """An error answer in TorchServe's own form, for one request alone."""
    context.set_response_status(code=code, phrase="refused by the model's handler", idx=index)
    context.set_response_content_type(index, JSON)
    if "host" not in {name.lower() for name in context.get_all_request_header(index)}:
        # By gRPC, which is always refused here: TorchServe ends a worker whose answer to a stream lacks this.
        context.set_response_header(index, "ts_stream_next", "false")
    return json.dumps({"code": code, "type": "RefusedInput", "message": message}).encode()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Backend received inference at")
