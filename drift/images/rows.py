"""Batches of images as rows of a table, for the monitor: prediction, label, and features of the pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from drift.data.losses import predicted_classes
from drift.images.detection.spaces import FeatureNetwork
from drift.images.streams.evolution import Evolution, ImageBatch, ImagePool
from drift.system.disk import write_at_once, write_errors

if TYPE_CHECKING:
    import pandas as pd

ACCEPTED = "accepted"  # the batch of the rows on which the network was accepted; it comes first
OF_NO_CLASS = "of no known class"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins with one of these is run by spreadsheets


def table_of(
    network: FeatureNetwork, evolution: Evolution, reference: ImagePool, *, classes: tuple[str, ...]
) -> pd.DataFrame:
    """One row an image: `batch`, `row`, `predicted`, `truth`, `confidence`, and three features of its pixels.

    `brightness` is their mean and `contrast` their standard deviation, of 255; `sharpness` is the mean absolute
    difference of neighbours.

    Args:
        network: that answers.
        evolution: the batches.
        reference: images on which it was accepted.
        classes: names of the network's classes.
    """
    import pandas as pd

    parts = [_rows(network, reference, ACCEPTED, classes)]
    parts += [_rows(network, batch, f"batch {batch.index:03d}", classes) for batch in evolution.batches()]
    table = pd.concat(parts, ignore_index=True)
    table.insert(1, "row", np.arange(len(table)))
    return table


def write_rows(table: pd.DataFrame, path: Path) -> None:
    """Write them as CSV or Parquet, whole or not at all.

    Raises:
        StateError: the file cannot be written.
    """
    if path.suffix == ".parquet":
        content = table.to_parquet(index=False)
    else:
        content = without_formulas(table).to_csv(index=False).encode()
    with write_errors(f"the rows cannot be written to {path}"):
        write_at_once(path, content)


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose texts no spreadsheet runs: those that begin like a formula get an apostrophe before them.

    A class is called like a folder of a user's images, which may have come from anywhere.

    Args:
        table: of any columns; numbers stay as they are.
    """
    texts = table.select_dtypes(exclude=["number", "bool"]).columns
    begins = {name: table[name].astype(str).str.startswith(FORMULA) for name in texts}
    return table.assign(**{name: table[name].mask(begins[name], "'" + table[name].astype(str)) for name in texts})


def _rows(
    network: FeatureNetwork, images: ImagePool | ImageBatch, batch: str, classes: tuple[str, ...]
) -> pd.DataFrame:
    import pandas as pd

    probabilities = network.predict(images.pixels).probabilities
    names = np.asarray([*classes, OF_NO_CLASS], object)
    shares = images.pixels.astype(np.float32) / 255
    across = [np.abs(np.diff(shares, axis=axis)).mean(axis=(1, 2, 3)) for axis in (1, 2)]
    return pd.DataFrame(
        {
            "batch": batch,
            "predicted": names[predicted_classes(probabilities)],
            "truth": names[np.where(images.labels < 0, len(classes), images.labels)],
            "confidence": probabilities.max(axis=1).astype(np.float64),
            "brightness": shares.mean(axis=(1, 2, 3)),
            "contrast": shares.std(axis=(1, 2, 3)),
            "sharpness": (across[0] + across[1]) / 2,
        }
    )
