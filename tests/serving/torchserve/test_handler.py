"""The handler alone, in this process, with TorchServe's own context; and in a bare interpreter."""

from __future__ import annotations

import importlib.metadata
import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ts.context import Context, RequestProcessor

from drift.data.blocks import Floats
from drift.data.calendar import CALENDAR_NAMES, calendar_features
from drift.serving.torchserve.handler import JSON, MOST_ROWS, NPY, PART_ROWS, Handler
from tests.serving.conftest import TinyModel


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def rows_json(rows: Any) -> bytes:
    return json.dumps({"rows": rows}).encode()


GOOD = np.ones((1, 4), np.float32)
BAD = {
    "too narrow": (
        NPY,
        npy(np.ones((2, 3), np.float32)),
        r"of 4 features \(f0, f1, f2, f3\), got .*\(2, 3\)",
    ),
    "no rows": (NPY, npy(np.ones((0, 4), np.float32)), r"1 or more rows"),
    "one dimension": (NPY, npy(np.ones(4, np.float32)), r"got an array of shape \(4,\)"),
    "NaN": (NPY, npy(np.array([[1, 2, np.nan, 4]], np.float32)), "got nan in row 0, f2"),
    "infinity": (NPY, npy(np.array([[1, 2, 3, -np.inf]])), "got -inf in row 0, f3"),
    "too large for float32": (NPY, npy(np.array([[1, 1e300, 3, 4]])), "got inf in row 0, f1"),
    "not npy": (NPY, b"hello", "npy format"),
    "cut short": (NPY, npy(GOOD)[:-3], "npy format"),
    "pickled": (NPY, npy(np.array([[object]])), "without pickled objects"),
    "a header that lies": (NPY, npy(GOOD).replace(b"(1, 4), }", b"(10**9, 4), }"), "npy format"),
    "a header that lies more": (
        NPY,
        npy(GOOD).replace(b"(1, 4), }     ", b"(99999999999999, 4), }")[:-8],
        "npy format",
    ),
    "texts": (NPY, npy(np.array([["a", "b", "c", "d"]])), "array of numbers"),
    "empty npy": (NPY, b"", "got an empty one"),
    "empty JSON": (JSON, b"", "got an empty one"),
    "content type": ("text/csv", b"1,2,3,4", "got text/csv"),
    "no content type": ("", npy(GOOD), "got none"),
    "not JSON": (JSON, b"{rows", "expected JSON"),
    "deep JSON": (JSON, b"[" * 100_000, "expected JSON"),
    "another key": (JSON, b'{"data": [[1, 2, 3, 4]]}', "a list of rows"),
    "a bare list": (JSON, b"[[1, 2, 3, 4]]", "a list of rows"),
    "one row unwrapped": (JSON, rows_json([1, 2, 3, 4]), "a list of rows"),
    "JSON NaN": (JSON, rows_json([[1, 2, 3, 4], [1, 2, float("nan"), 4]]), "got NaN in row 1"),
    "JSON text": (JSON, rows_json([[1, 2, "3", 4]]), 'got "3" in row 0'),
    "JSON truth": (JSON, rows_json([[1, 2, True, 4]]), "got true in row 0"),
    "JSON null": (JSON, rows_json([[1, 2, None, 4]]), "got null in row 0"),
    "JSON huge": (JSON, rows_json([[1, 2, 10**400, 4]]), "row 0"),
    "ragged": (JSON, rows_json([[1, 2, 3, 4], [1, 2]]), "lengths 2 to 4"),
    "JSON no rows": (JSON, rows_json([]), "1 or more rows"),
}


@pytest.fixture(scope="module")
def loaded(tiny_model: TinyModel, tmp_path_factory: pytest.TempPathFactory) -> Handler:
    folder = tmp_path_factory.mktemp("extracted")
    with zipfile.ZipFile(tiny_model.archive(folder, 7)) as archive:
        archive.extractall(folder)
    handler = Handler()
    handler.initialize(SimpleNamespace(system_properties={"model_dir": str(folder)}))
    return handler


def ask(handler: Handler, *requests: tuple[str, bytes]) -> list[tuple[int, dict[str, str], bytes]]:
    """Status, headers and body of each answer to one batch."""
    context = Context("tiny", "", {}, len(requests), None, "test")
    context.request_processor = [
        RequestProcessor({"Host": "127.0.0.1:8080", "body": {"content-type": kind}}) for kind, _ in requests
    ]
    answers = handler.handle([{"body": bytearray(body)} for _, body in requests], context)
    return [
        (context.get_response_status(index)[0], context.get_response_headers(index), answer)
        for index, answer in enumerate(answers)
    ]


def test_npy_is_answered_with_npy(loaded: Handler, tiny_model: TinyModel, rows: Floats) -> None:
    ((status, headers, body),) = ask(loaded, (NPY, npy(rows)))
    probabilities = np.load(io.BytesIO(body))
    assert (status, headers) == (200, {"content-type": NPY, "x-model-version": "7"})
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, tiny_model.probabilities(rows), atol=1e-6)


def test_many_rows_go_through_the_network_in_parts(loaded: Handler, tiny_model: TinyModel) -> None:
    """What it holds meanwhile does not grow with them; more than a client of ours sends are refused."""
    rows = np.random.default_rng(0).normal(size=(2 * PART_ROWS + 5, 4)).astype(np.float32)
    seen: list[int] = []
    whole = loaded.model

    def counted(part: Any) -> Any:
        seen.append(len(part))
        return whole(part)

    loaded.model = counted
    ((status, _, body),) = ask(loaded, (NPY, npy(rows)))
    loaded.model = whole
    assert (status, seen) == (200, [PART_ROWS, PART_ROWS, 5])
    np.testing.assert_allclose(np.load(io.BytesIO(body)), tiny_model.probabilities(rows), atol=1e-6)
    ((status, _, body),) = ask(loaded, (NPY, npy(np.zeros((MOST_ROWS + 1, 1), np.uint8))))
    assert (status, "at most 2,000,000 rows" in json.loads(body)["message"]) == (400, True)


def test_json_is_answered_with_json(loaded: Handler, tiny_model: TinyModel, rows: Floats) -> None:
    ((status, headers, body),) = ask(loaded, ("application/json; charset=utf-8", rows_json(rows.tolist())))
    told = json.loads(body)
    assert (status, headers["x-model-version"], told["version"]) == (200, "7", 7)
    assert told["classes"] == ["a", "b", "c"]
    np.testing.assert_allclose(told["probabilities"], tiny_model.probabilities(rows), atol=1e-6)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_spoils_no_other(loaded: Handler, tiny_model: TinyModel, name: str) -> None:
    kind, body, message = BAD[name]
    before, bad, after = ask(loaded, (NPY, npy(GOOD)), (kind, body), (NPY, npy(2 * GOOD)))
    told = json.loads(bad[2])
    assert (bad[0], told["code"], bad[1]["content-type"]) == (400, 400, JSON)
    assert re.search(message, told["message"])
    assert "\n" not in told["message"]
    for answer, features in ((before, GOOD), (after, 2 * GOOD)):
        np.testing.assert_allclose(np.load(io.BytesIO(answer[2])), tiny_model.probabilities(features), atol=1e-6)


def test_a_model_that_gives_nan_is_told_apart_from_a_bad_request(loaded: Handler) -> None:
    other = Handler()
    other.features, other.classes, other.version = loaded.features, loaded.classes, 7
    other.model = lambda rows: rows * float("nan")
    ((status, _, body),) = ask(other, (JSON, rows_json(GOOD.tolist())))
    assert status == 422
    assert "NaN" in json.loads(body)["message"]


CALENDAR = ("day_sin", "day_cos", "week_sin", "week_cos")


@pytest.fixture
def timed(loaded: Handler) -> Handler:
    """A handler of a model with calendar features among the others, whose answer is what came in."""
    handler = Handler()
    handler.features, handler.classes = (
        ["day_sin", "price", "day_cos", "week_sin", "week_cos", "demand"],
        list("abcdef"),
    )
    handler.version, handler.time = 7, "sold_at"
    handler.model = lambda rows: rows
    return handler


TIMES = ["2026-01-31T08:30:00", "1996-05-07 00:30", "1969-12-31T23:59:59.5", "2026-01-05", "2026-03-01T12:00:00+05:30"]
PLAIN = [[1.5, 2.0], [0.1, -3.0], [7.0, 1e-3], [0.0, 0.0], [4.0, 5.0]]


def expected_features() -> Floats:
    """As the table's own reader makes them of the same times."""
    moments = np.array([*TIMES[:-1], "2026-03-01T06:30:00"], "datetime64[ns]")
    calendar = dict(zip(CALENDAR_NAMES, calendar_features(moments).T, strict=True))
    plain = np.asarray(PLAIN, np.float32)
    columns = {**calendar, "price": plain[:, 0], "demand": plain[:, 1]}
    names = ["day_sin", "price", "day_cos", "week_sin", "week_cos", "demand"]
    return np.column_stack([columns[name] for name in names]).astype(np.float32)


@pytest.mark.parametrize("by_name", [True, False])
def test_calendar_features_are_those_of_the_table(timed: Handler, by_name: bool) -> None:
    """A time in a request gives bit for bit what the plain form of the same features gives."""
    assert CALENDAR == CALENDAR_NAMES
    records = [
        {"sold_at": time, "demand": demand, "price": price} for (price, demand), time in zip(PLAIN, TIMES, strict=True)
    ]
    body = {"records": records} if by_name else {"rows": PLAIN, "times": TIMES}
    plain = rows_json(expected_features().astype(float).tolist())
    by_time, by_features = ask(timed, (JSON, json.dumps(body).encode()), (JSON, plain))
    assert (by_time[0], by_features[0]) == (200, 200), by_time
    assert json.loads(by_time[2]) == json.loads(by_features[2])
    np.testing.assert_array_equal(np.float32(json.loads(by_time[2])["probabilities"]), expected_features())


def test_records_by_name_need_no_time(timed: Handler, loaded: Handler, tiny_model: TinyModel) -> None:
    names = timed.features
    records = [dict(reversed(list(zip(names, row, strict=True)))) for row in expected_features().astype(float).tolist()]
    ((status, _, body),) = ask(timed, (JSON, json.dumps({"records": records}).encode()))
    assert status == 200, body
    np.testing.assert_array_equal(np.float32(json.loads(body)["probabilities"]), expected_features())
    ((status, _, body),) = ask(loaded, (JSON, b'{"records": [{"f3": 4, "f2": 3, "f1": 2, "f0": 1}]}'))
    probabilities = tiny_model.probabilities(np.array([[1, 2, 3, 4]], np.float32))
    np.testing.assert_allclose(json.loads(body)["probabilities"], probabilities, atol=1e-6)
    assert json.loads(body)["predictions"] == [["a", "b", "c"][int(probabilities.argmax())]]


BAD_TIMES = {
    "too few times": ({"rows": PLAIN, "times": TIMES[:2]}, "one time for each of 5 rows, got 2"),
    "no list of times": ({"rows": PLAIN, "times": "2026-01-31"}, "one time for each"),
    "no time at all": ({"rows": [[1, 2]], "times": ["yesterday"]}, 'got "yesterday" in row 0'),
    "a number as time": ({"rows": [[1, 2]], "times": [5]}, "got 5 in row 0"),
    "no time in a record": ({"rows": [[1, 2]], "times": [None]}, "got null in row 0"),
    "calendar beside times": (
        {"rows": [[1] * 6], "times": TIMES[:1]},
        r"2 features beside their times \(price, demand",
    ),
    "one name less": ({"records": [{"price": 1, "sold_at": TIMES[0]}]}, "row 0 lacks demand and has none beside"),
    "a name too many": (
        {"records": [{"price": 1, "demand": 2, "sold_at": TIMES[0], "note": 3}]},
        "row 0 lacks none and has note beside",
    ),
    "records of two kinds": (
        {"records": [{"price": 1, "demand": 2, "sold_at": TIMES[0]}, {"price": 1, "demand": 2}]},
        "row 1 lacks sold_at",
    ),
    "neither a time nor the calendar": (
        {"records": [{"price": 1, "demand": 2}]},
        "expected records of price, demand, sold_at; row 0 lacks sold_at",
    ),
    "a text in a record": ({"records": [{"price": "1", "demand": 2, "sold_at": TIMES[0]}]}, 'got "1" in row 0'),
    "no records": ({"records": []}, "one object for each row"),
    "records that are lists": ({"records": [[1, 2]]}, "one object for each row"),
}


@pytest.mark.parametrize("name", BAD_TIMES)
def test_a_bad_request_with_times_is_refused(timed: Handler, name: str) -> None:
    body, message = BAD_TIMES[name]
    ((status, _, answer),) = ask(timed, (JSON, json.dumps(body).encode()))
    assert status == 400
    assert re.search(message, json.loads(answer)["message"]), answer


def test_times_for_a_model_without_calendar_features_are_refused(loaded: Handler) -> None:
    ((status, _, answer),) = ask(loaded, (JSON, json.dumps({"rows": [[1, 2, 3, 4]], "times": TIMES[:1]}).encode()))
    assert status == 400
    assert "no features that are computed from a time" in json.loads(answer)["message"]


BARE = """
import importlib.util, io, json, sys
sys.path[:0] = sys.argv[1:3]
import numpy as np
from ts.context import Context, RequestProcessor
from handler import Handler
context = Context("tiny", sys.argv[2], {}, 1, None, "test")
handler = Handler()
handler.initialize(context)
context.request_processor = [RequestProcessor({"body": {"content-type": "application/json"}})]
answer, = handler.handle([{"body": b'{"rows": [[1, 2, 3, 4]]}'}], context)
names = ("drift", "mlflow", "pandas", "ax", "requests")
absent = [name for name in names if not importlib.util.find_spec(name)]
print(json.dumps({"answer": json.loads(answer), "absent": absent}))
"""


@pytest.mark.slow
def test_the_archive_needs_torch_and_torchserve_alone(tiny_model: TinyModel, tmp_path: Path) -> None:
    extracted, packages = tmp_path / "extracted", tmp_path / "packages"
    with zipfile.ZipFile(tiny_model.archive(tmp_path, 1)) as archive:
        archive.extractall(extracted)
    packages.mkdir()
    # TorchServe imports yaml without declaring it.
    link_distributions(packages, {"torch", "torchserve", "numpy", "pyyaml"})
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", BARE, packages, extracted],
        capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["absent"] == ["drift", "mlflow", "pandas", "ax", "requests"]
    expected = tiny_model.probabilities(np.array([[1, 2, 3, 4]], np.float32))
    np.testing.assert_allclose(told["answer"]["probabilities"], expected, atol=1e-6)


def link_distributions(folder: Path, wanted: set[str]) -> None:
    """Put links to the installed `wanted` distributions and all that they declare to need into `folder`."""
    todo, done = set(wanted), set[str]()
    while todo:
        name = todo.pop()
        done.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # for another platform or Python
            continue
        for file in distribution.files or []:
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not (folder / top).exists():
                (folder / top).symlink_to(Path(str(distribution.locate_file(top))))
        for requirement in distribution.requires or []:
            if "extra ==" not in requirement:
                needed = re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-")
                todo |= {needed} - done
