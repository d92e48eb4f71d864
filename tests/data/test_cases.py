"""Eleven small inputs that users met, through every command that reads tables: read rightly, or refused with the words.

What the loop's commands do with a table (base, deploy, retrain, replay) is `DataSource.load`, which all of them call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from drift.cli import app
from drift.comparison import choose_columns
from drift.comparison.comparable_columns import POOLED, POOLED_BEYOND
from drift.errors import DataError
from drift.loop.card import DataSource
from drift.monitor.alerts.check import check
from drift.monitor.alerts.messages import Watch
from drift.monitor.store import MonitorStore
from tests.monitor.worlds import agree, monitor_of

DAYS, ROWS, REFERENCE = 20, 60, 12  # batches, rows of each, and batches of the reference
TEXT = "text where numbers are expected, such as "
DATES = "dates or durations where numbers are expected"


def rows(seed: int = 0, *, moved_from: int = DAYS) -> pd.DataFrame:
    """A model's answers, day by day; from one day on a feature is three standard deviations larger."""
    rng = np.random.default_rng(seed)
    count = DAYS * ROWS
    day = np.arange(count) // ROWS
    moments = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(count) * 1440 // ROWS, unit="min")
    return pd.DataFrame(
        {
            "id": np.arange(count),
            "at": moments.strftime("%Y-%m-%d %H:%M:%S"),
            "x": (rng.normal(size=count) + 3 * (day >= moved_from)).round(6),
            "pred": rng.choice(["yes", "no"], count),
            "truth": rng.choice(["yes", "no"], count),
        }
    )


def pair(change: Callable[[pd.DataFrame, int], pd.DataFrame], count: int = 300) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two tables of one kind, each changed."""
    frames = [pd.DataFrame({"x": np.random.default_rng(at).normal(size=count)}) for at in range(2)]
    return change(frames[0], 0), change(frames[1], 1)


def with_merchants(frame: pd.DataFrame, at: int) -> pd.DataFrame:
    levels = np.random.default_rng(at + 9).integers(0, 14_000, len(frame))
    return frame.assign(merchant=[f"m{level}" for level in levels])


def with_ages(frame: pd.DataFrame, at: int) -> pd.DataFrame:
    ages = pd.Series(np.random.default_rng(at + 9).integers(18, 90, len(frame)), dtype="Int64")
    return frame.assign(age=ages.mask(np.arange(len(frame)) % 7 == 0) if at else ages)


@dataclass(frozen=True)
class Case:
    """One input and what is right.

    Attributes:
        frames: of the reference and the current table, or of one table of the monitor.
        suffix: of the file.
        encoding: of a CSV file.
        compared: exit code of `drift compare`, and words.
        ingested: exit code of `drift monitor ingest`, and words; None if it is no table of a monitor.
        alarms: signals that alarm, after a reference of the first batches.
        loop: words of the refusal as a table to learn from; empty if it can be learned from.
        options: of the ingest.
    """

    frames: tuple[pd.DataFrame, ...]
    compared: tuple[int, str]
    loop: str
    ingested: tuple[int, str] | None = None
    alarms: frozenset[str] | None = None
    suffix: str = ".csv"
    encoding: str = "utf-8"
    options: tuple[str, ...] = ()

    def write(self, folder: Path) -> list[Path]:
        """The tables as files."""
        paths = [folder / f"{at}{self.suffix}" for at in range(len(self.frames))]
        for path, frame in zip(paths, self.frames, strict=True):
            if self.suffix == ".csv":
                frame.to_csv(path, index=False, encoding=self.encoding)
            else:
                frame.to_parquet(path)
        return [paths[0], paths[-1]]


def mixed() -> pd.DataFrame:
    frame = rows(moved_from=REFERENCE).astype({"x": object})
    frame.loc[7, "x"] = "unknown"
    return frame


def dated() -> pd.DataFrame:
    frame = rows()
    return frame.assign(order_date=pd.to_datetime(frame["at"]).dt.strftime("%d/%m/%Y"))


NO_ALARM: frozenset[str] = frozenset()
CASES = {
    "merchants": Case(pair(with_merchants, 29_000), (0, "merchant  '(any other)'"), f"column 'merchant': {TEXT}'m"),
    "text among numbers": Case(
        (mixed(),),
        (1, f"column 'x': {TEXT}'unknown' in row 7 (line 9)"),
        f"column 'x': {TEXT}'unknown' in row 7 (line 9)",
        (1, f"column 'x': {TEXT}'unknown' in row 7 (line 9)"),
    ),
    "text among numbers, mended": Case(
        (mixed().assign(x=pd.to_numeric(mixed()["x"], errors="coerce")),),
        (0, "no drift"),
        "column 'x': missing value (NaN); fill it or drop the row in row 7 (line 9)",
        (0, "features: x (number)"),
        frozenset({"feature:x"}),
    ),
    "order date": Case(
        (dated(),),
        (0, "not compared: order_date (holds dates)"),
        f"column 'order_date': {DATES}",
        (0, "left out: order_date (dates)"),
        NO_ALARM,
    ),
    "counter": Case(
        (rows().assign(row_no=1_000_000 + np.arange(DAYS * ROWS)),),
        (0, "not compared: row_no (sorted in both tables"),
        "",
        (0, "left out: row_no (a counter"),
        NO_ALARM,
    ),
    "nullable": Case(
        pair(with_ages), (3, "age: "), "column 'age': missing value (NaN); fill it or drop the row", suffix=".parquet"
    ),
    "named index": Case(
        pair(lambda frame, at: frame.assign(amount=frame["x"] + 9 * at).set_index("amount")),
        (3, "amount: median"),
        "",
        suffix=".parquet",
    ),
    "key in a named index": Case(
        (rows().set_index("id"),), (0, "no drift"), "", (0, "features: x (number)"), NO_ALARM, suffix=".parquet"
    ),
    "counts": Case(
        (rows().assign(pred=np.arange(DAYS * ROWS) % 31, truth=np.arange(DAYS * ROWS) % 29),),
        (0, "no drift"),
        "",
        (0, "regression, answers in column pred"),
        options=("--task", "regression"),
    ),
    "coupon": Case(
        pair(lambda frame, at: frame.assign(coupon=np.where(frame["x"] > 0, "FREE", "SAVE10") if at else "")),
        (3, "coupon: "),
        f"column 'coupon': {TEXT}'",
    ),
    "latin-1": Case(
        (rows().assign(city="Zürich"),),
        (1, "iconv -f LATIN1 -t UTF-8"),
        "iconv -f LATIN1 -t UTF-8",
        (1, "iconv -f LATIN1 -t UTF-8"),
        encoding="latin-1",
    ),
    "probabilities": Case(
        (rows().assign(p_yes=np.linspace(0.1, 1, DAYS * ROWS), p_no=0.9),),
        (0, "no drift"),
        "",
        (1, "expected probabilities whose sum is 1 in columns p_no, p_yes"),
        options=("--probabilities", "p_"),
    ),
    "infinity": Case(
        pair(lambda frame, at: frame.assign(ratio=np.inf)),
        (0, "not compared: ratio (has no finite number)"),
        "column 'ratio': infinity in row 0 (line 2)",
    ),
}


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words)])


def test_very_many_categories_are_pooled() -> None:
    chosen = choose_columns(*pair(with_merchants, 29_000))
    assert chosen.categorical == ("merchant",)
    for table in (chosen.reference, chosen.current):
        assert table["merchant"].nunique() <= POOLED_BEYOND + 1 and (table["merchant"] == POOLED).mean() > 0.5


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.slow) if name == "merchants" else case for name, case in CASES.items()],
    ids=CASES,
)
def test_compare(case: Case, tmp_path: Path) -> None:
    done = run("compare", *case.write(tmp_path), "--permutations", "99", "--unlike_rows", "0")
    assert (done.exit_code, case.compared[1] in done.output) == (case.compared[0], True), done.output


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_base_deploy_retrain_and_replay(case: Case, tmp_path: Path) -> None:
    path = case.write(tmp_path)[-1]
    frame = case.frames[-1]
    columns = frame.reset_index().columns
    monitored = "truth" in columns
    if not monitored:  # a label of its own
        case = Case(tuple(part.assign(truth=["a", "b"] * (len(part) // 2)) for part in case.frames), case.compared,
                    case.loop, suffix=case.suffix, encoding=case.encoding)  # fmt: skip
        path = case.write(tmp_path)[-1]
    source = DataSource(str(path), "truth", "at" if "at" in columns else None, ("pred",) if monitored else ())
    if not case.loop:
        assert len(source.load()) == len(frame)
        return
    with pytest.raises(DataError) as refused:
        source.load()
    assert case.loop in str(refused.value)


@pytest.mark.parametrize(
    "case", [case for case in CASES.values() if case.ingested], ids=[name for name in CASES if CASES[name].ingested]
)
def test_monitor(case: Case, tmp_path: Path) -> None:
    path, store = case.write(tmp_path)[0], tmp_path / "m.db"
    words = ("--prediction", "pred", "--truth", "truth", "--key", "id", "--time", "at", "--every", "1d", "--partial")
    done = run("monitor", "ingest", path, "--monitor", "m", "--store", store, *words, *case.options)
    assert case.ingested is not None
    assert (done.exit_code, case.ingested[1] in done.output) == (case.ingested[0], True), done.output
    if case.alarms is not None:
        agree(MonitorStore(store), REFERENCE)
        assert {
            alert.signal for alert in check(MonitorStore(store), monitor_of(MonitorStore(store)), Watch()).opened
        } == case.alarms


def test_a_price_in_double_and_then_in_single_precision_is_no_drift(tmp_path: Path) -> None:
    prices = np.random.default_rng(5).choice([0.1, 0.2, 0.3, 0.7, 1.1], DAYS * ROWS)
    frame = rows().assign(price=prices)
    first, later = frame[: REFERENCE * ROWS], frame[REFERENCE * ROWS :].astype({"price": np.float32})
    first.to_csv(tmp_path / "first.csv", index=False)
    later.to_parquet(tmp_path / "later.parquet", index=False)
    store = tmp_path / "m.db"
    words = ("--prediction", "pred", "--truth", "truth", "--key", "id", "--time", "at", "--every", "1d", "--partial")
    assert run("monitor", "ingest", tmp_path / "first.csv", "--monitor", "m", "--store", store, *words).exit_code == 0
    agree(MonitorStore(store), REFERENCE)
    assert (
        run("monitor", "ingest", tmp_path / "later.parquet", "--monitor", "m", "--store", store, "--partial").exit_code
        == 0
    )
    assert not check(MonitorStore(store), monitor_of(MonitorStore(store)), Watch()).opened
    done = run("compare", tmp_path / "first.csv", tmp_path / "later.parquet", "--permutations", "99")
    assert done.exit_code == 0, done.output
