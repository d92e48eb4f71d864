"""Time of day and day of week as numbers that do not jump at midnight. Used by every source with timestamps."""

import numpy as np

from drift.data.blocks import Floats, Times

CALENDAR_NAMES = ("day_sin", "day_cos", "week_sin", "week_cos")


def calendar_features(timestamps: Times) -> Floats:
    """Position in the day and in the week (from Monday 00:00), each as a point on the unit circle.

    Row-wise: the features of a row come from its own timestamp alone.

    Args:
        timestamps: (n,) datetime64.

    Returns:
        (n, 4) in [-1, 1], columns as in `CALENDAR_NAMES`.
    """
    seconds = timestamps.astype("datetime64[s]").astype(np.int64)
    monday = seconds - 4 * 86_400  # the epoch was a Thursday; 1970-01-05 a Monday
    day = 2 * np.pi * (seconds % 86_400) / 86_400
    week = 2 * np.pi * (monday % 604_800) / 604_800
    return np.column_stack([np.sin(day), np.cos(day), np.sin(week), np.cos(week)]).astype(np.float32)
