"""ELEC, the embedded stream: New South Wales electricity prices, 45,312 half-hours from 1996-05-07.

The rows carry no usable dates, so the timestamps are rebuilt from the row number. The features are row-wise:
no price history, because the label is a rule on it (data/README.md tells the leak).
"""

import hashlib
import sysconfig
from pathlib import Path

import numpy as np

from drift.data.blocks import Table
from drift.data.calendar import CALENDAR_NAMES, calendar_features
from drift.errors import DataError

SHA256 = "d57033945f27addc090ed881bcbf28cad45a0a472551f17da7faa17070a5e60b"
START = np.datetime64("1996-05-07T00:00:00")
STEP = np.timedelta64(30, "m")
FEATURES = ("nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")  # scaled to [0, 1] by the data's authors
CLASSES = ("DOWN", "UP")


def elec_path() -> Path:
    """Where the embedded file lies: beside the package in a checkout, with the shared files of an installed wheel."""
    checkout = Path(__file__).parents[2] / "data" / "elec.parquet"
    installed = Path(sysconfig.get_path("data")) / "share" / "drift" / "elec.parquet"
    for path in (checkout, installed):
        if path.is_file():
            return path
    raise DataError(
        f"the embedded ELEC stream is missing: expected it at {checkout} or {installed}; check the project out again"
    )


def load_elec() -> Table:
    """All of ELEC in time order.

    Returns:
        A table with 9 features: two prices, two demands and the transfer between the states (each scaled to
        [0, 1]), then the calendar; classes DOWN and UP. `period` is left out, as time of day says the same.
    """
    import pandas as pd

    path = elec_path()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SHA256:
        raise DataError(f"{path} is damaged: expected sha256 {SHA256}, got {digest}; check the project out again")
    frame = pd.read_parquet(path)
    timestamps = START + STEP * np.arange(len(frame))
    features = np.column_stack([frame[list(FEATURES)].to_numpy(np.float32), calendar_features(timestamps)])
    labels = np.asarray(frame["class"] == CLASSES[1], dtype=np.int64)
    return Table("elec", FEATURES + CALENDAR_NAMES, features, labels, CLASSES, timestamps)
