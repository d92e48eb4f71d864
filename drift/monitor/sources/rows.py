"""Rows as the monitor keeps them: what was predicted, what was true, and what it was predicted from.

Every source is brought to this one form by `drift.monitor.sources.column_roles`; a batch's rows are stored in it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.data.readers.memory_limits import Stored, require_bounded

if TYPE_CHECKING:
    import pandas as pd

Texts: TypeAlias = NDArray[np.object_]  # str, or None where missing
Task: TypeAlias = Literal["classification", "regression"]

FEATURE, PROBABILITY = "f:", "p:"  # before the names of stored columns
ARRAYS = ("keys", "prediction", "labels", "times", "versions", "confidence")  # with a value for each row


@dataclass(frozen=True, eq=False)
class PredictionRows:
    """Some rows of a batch, n of them.

    Attributes:
        keys: that labels are joined by, (n,).
        prediction: class names, or numbers (float64), (n,).
        labels: of the same type, (n,); None or NaN where they have not come.
        features: numbers (float), or text with None where missing, (n, d).
        times: UTC, (n,).
        versions: of the model, (n,).
        confidence: probability of the predicted class, (n,).
        probabilities: of all classes, (n, k).
        classes: k names, of the columns of `probabilities`.
    """

    keys: Texts
    prediction: NDArray[Any]
    labels: NDArray[Any]
    features: pd.DataFrame
    times: NDArray[np.datetime64] | None = None
    versions: Texts | None = None
    confidence: NDArray[np.float64] | None = None
    probabilities: NDArray[np.float64] | None = None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Rows whose label has come, (n,)."""
        return present(self.labels)

    def take(self, chosen: NDArray[Any]) -> PredictionRows:
        """Some of the rows: positions, or a mask."""
        arrays = {name: getattr(self, name) for name in (*ARRAYS, "probabilities")}
        features = self.features[chosen] if chosen.dtype == np.bool_ else self.features.iloc[chosen]
        taken = {name: values[chosen] for name, values in arrays.items() if values is not None}
        return replace(self, features=features.reset_index(drop=True), **taken)

    def with_labels(self, labels: NDArray[Any]) -> PredictionRows:
        """The same rows with other labels."""
        return replace(self, labels=labels)


def present(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where labels, predictions or keys are not missing, (n,)."""
    if values.dtype == np.float64:
        return np.asarray(~np.isnan(values))
    return np.asarray([value is not None for value in values], np.bool_)


def joined(parts: list[PredictionRows]) -> PredictionRows:
    """Rows one after the other; one part or more, of one monitor."""
    import pandas as pd

    first = parts[0]
    if len(parts) == 1:
        return first
    classes = tuple(sorted({name for part in parts for name in part.classes}))
    arrays = {name: [getattr(part, name) for part in parts] for name in ARRAYS if getattr(first, name) is not None}
    return replace(
        first,
        features=pd.concat([part.features for part in parts], ignore_index=True),
        probabilities=None if first.probabilities is None else np.concatenate([_over(part, classes) for part in parts]),
        classes=classes,
        **{name: np.concatenate(values) for name, values in arrays.items()},
    )


def _over(part: PredictionRows, classes: tuple[str, ...]) -> NDArray[np.float64]:
    """Probabilities of a part, in the order of more classes."""
    spread = np.zeros((len(part), len(classes)))
    if part.probabilities is not None:
        spread[:, [classes.index(name) for name in part.classes]] = part.probabilities
    return spread


def to_bytes(rows: PredictionRows) -> bytes:
    """Rows as a Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    columns: dict[str, Any] = {"key": rows.keys, "prediction": rows.prediction, "truth": rows.labels}
    columns |= {"time": rows.times, "version": rows.versions, "confidence": rows.confidence}
    if rows.probabilities is not None:
        columns |= {PROBABILITY + name: rows.probabilities[:, at] for at, name in enumerate(rows.classes)}
    columns |= {FEATURE + str(name): rows.features[name].to_numpy() for name in rows.features}
    table = pa.table({name: _arrow(values) for name, values in columns.items() if values is not None})
    written = io.BytesIO()
    parquet.write_table(table, written, compression="zstd", write_statistics=False, store_schema=False)
    return written.getvalue()


def from_bytes(body: bytes) -> PredictionRows:
    """What `to_bytes` gave.

    Raises:
        DataError: it would take too much memory, so `to_bytes` did not give it.
    """
    import pandas as pd
    from pyarrow import parquet

    stored = Stored(body, "the monitor's store")
    require_bounded(stored)
    table = parquet.ParquetFile(stored).read(use_threads=False)
    columns = {name: _plain(table.column(name)) for name in table.column_names}
    classes = tuple(name[len(PROBABILITY) :] for name in columns if name.startswith(PROBABILITY))
    features = {name[len(FEATURE) :]: values for name, values in columns.items() if name.startswith(FEATURE)}
    return PredictionRows(
        columns["key"],
        columns["prediction"],
        columns["truth"],
        pd.DataFrame(features, index=range(len(columns["key"]))),
        columns.get("time"),
        columns.get("version"),
        columns.get("confidence"),
        np.column_stack([columns[PROBABILITY + name] for name in classes]) if classes else None,
        classes,
    )


def _arrow(values: NDArray[Any]) -> Any:
    import pyarrow as pa

    if values.dtype == object:
        return pa.array(values, pa.string(), from_pandas=True)
    return pa.array(values)


def _plain(column: Any) -> NDArray[Any]:
    import pyarrow as pa

    if pa.types.is_string(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False), object)
    return np.asarray(column.to_numpy())
