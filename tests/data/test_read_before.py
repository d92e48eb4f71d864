"""What 0.1.0 accepted is read to the same digests: tables of models, and batches of monitors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sql

from drift.data.readers import open_source
from drift.data.tables import load_table
from drift.monitor.pipeline.batch_builder import row_digest
from drift.monitor.sources.column_roles import Columns

ROWS = 48
STORED: dict[str, Any] = {  # columns of a monitor, as 0.1.0 wrote them
    "prediction": "pred", "truth": "truth", "key": "id", "time": "at", "batch": "", "every": "1d", "batch_size": 0,
    "version": "", "probability": "", "positive": "", "probabilities": "", "ignore": [], "categories": [],
    "task": "classification",
    "features": [["x", "number"], ["price", "number"], ["state", "category"], ["gap", "number"], ["flag", "category"],
                 ["large", "number"], ["row", "number"], ["day", "category"]],
}  # fmt: skip
LABELS: list[tuple[str, list[Any], str, str]] = [  # and the digests of a CSV and a Parquet file
    ("text", ["up", "down"], "86e3fa5dc793c602", "86e3fa5dc793c602"),
    ("numbers", [10, 9, 2], "dfbbd00638bac99d", "dfbbd00638bac99d"),
    ("whole", [1.0, 2.0], "02ca7424e847a8a6", "02ca7424e847a8a6"),
    ("booleans", [True, False], "f51005370c05be29", "f51005370c05be29"),
    ("marks", ["NA", "None", "b"], "e112ca4c2af56f25", "e112ca4c2af56f25"),
    ("lower case", ["true", "false"], "f51005370c05be29", "ec36b71916bc282e"),
    ("zeros", ["007", "008"], "027b6025355bd8d8", "b6c0b35f187e177f"),
    ("mixed", ["1", "NA", "2"], "93a042e020b50933", "93a042e020b50933"),
    ("dates", ["2024-01-01", "2024-01-02"], "3fbc6883a4784159", "3fbc6883a4784159"),
    ("spaces", [" a", "b "], "7961b619dc0da69b", "7961b619dc0da69b"),
    ("decimal", ["1.0", "2.0"], "02ca7424e847a8a6", "bfa25872320677f7"),
    ("powers", ["1e3", "2"], "1d9cdde03655eb6a", "2cf743dcae83eb4b"),
]


def table() -> pd.DataFrame:
    at = np.arange(ROWS)
    moments = pd.Timestamp("2026-01-01") + pd.to_timedelta(at * 30, unit="min")
    return pd.DataFrame(
        {
            "id": at,
            "at": moments.strftime("%Y-%m-%d %H:%M:%S"),
            "x": at * 0.3 - 7.1,
            "price": (at % 7 * 0.1).astype(np.float32),
            "state": pd.Series(["NA", "b", ""])[at % 3].to_numpy(),
            "gap": np.where(at % 5 == 0, np.nan, at % 4),
            "flag": at % 2 == 0,
            "large": 2**60 + at * 3,
            "row": at,
            "day": moments.strftime("%d/%m/%Y"),
            "pred": np.where(at % 3 == 0, "yes", "no"),
            "truth": np.where(at % 4 == 0, "yes", "no"),
        }
    )


def written(folder: Path, kind: str, frame: pd.DataFrame) -> tuple[str, str]:
    """Where the table is, and the query of a database."""
    if kind == "sqlite":
        engine = sql.create_engine(f"sqlite:///{folder}/t.db")
        frame.to_sql("t", engine, index=False)
        engine.dispose()
        return f"sqlite:///{folder}/t.db", "t"
    path = folder / f"t.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path, index=False)
    return str(path), ""


@pytest.mark.parametrize(
    ("kind", "digest"),
    [("csv", "140348a89171698a"), ("parquet", "54425923cb7b86a1"), ("sqlite", "70d689e242e66de1")],
)
def test_rows_of_a_monitor(kind: str, digest: str, tmp_path: Path) -> None:
    features = [[name, "number" if (kind, name) == ("sqlite", "flag") else of] for name, of in STORED["features"]]
    columns = Columns.from_json(STORED | {"features": features})
    source, query = written(tmp_path, kind, table())
    [frame] = open_source(
        source, query=query, columns=columns.needed, texts=columns.texts, order=("id",) if query else ()
    )
    assert f"{row_digest(columns.read(frame), keyed=True):016x}" == digest


@pytest.mark.parametrize("label", LABELS, ids=[label[0] for label in LABELS])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables_of_a_model(label: tuple[str, list[Any], str, str], kind: str, tmp_path: Path) -> None:
    _, values, *digests = label
    frame = table()[["at", "x", "price", "flag", "row"]].assign(
        y=pd.Series(values)[np.arange(ROWS) % len(values)].to_numpy()
    )
    path, _ = written(tmp_path, kind, frame)
    read = load_table(Path(path), label="y", time="at")
    assert read.digest()[:16] == digests[kind == "parquet"]
