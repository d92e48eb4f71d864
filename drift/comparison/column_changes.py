"""How the values of a column changed between two tables, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

WITHIN_CHANCE = " (within chance)"  # ends what is said of the values of a column that did not change
NOTICED_SHARE = 0.005  # of rows: smaller changes of missing or unknown values are not worth a word
NOTICED_SHIFT = 0.1  # of the median, in interquartile ranges of the reference
NOTICED_SPREAD = 1.15  # ratio of interquartile ranges


def change_in_words(reference: pd.Series, current: pd.Series, *, numeric: bool) -> str:
    """The most telling difference of a column's values: where they lie, how far they spread, which are new."""
    words = _numbers(reference.dropna(), current.dropna()) if numeric else _categories(reference, current)
    before, after = float(reference.isna().mean()), float(current.isna().mean())
    if abs(after - before) >= NOTICED_SHARE:
        words.append(f"missing {before:.1%} → {after:.1%}")
    return ", ".join(words)


def _numbers(reference: pd.Series, current: pd.Series) -> list[str]:
    if not len(reference) or not len(current):
        return ["no values" if not len(current) else "values where there were none"]
    values = np.unique(np.r_[reference.unique(), current.unique()])
    if len(values) == 2:  # a yes or no: the median would jump from one to the other, or not move at all
        value = values[1]
        before, after = (float((column == value).mean()) for column in (reference, current))
        return [f"share of {value:.4g} {before:.1%}" + (", as before" if before == after else f" → {after:.1%}")]
    (low, before, high), (left, after, right) = (
        np.quantile(column.to_numpy(np.float64), [0.25, 0.5, 0.75]) for column in (reference, current)
    )
    words = []
    width, width_after = high - low, right - left
    if abs(after - before) > NOTICED_SHIFT * width:
        words.append(f"median {before:.4g} → {after:.4g}")
    if width and width_after and max(width / width_after, width_after / width) > NOTICED_SPREAD:
        words.append(f"spread × {width_after / width:.2g}")
    outside = float(((current < reference.min()) | (current > reference.max())).mean())
    if outside >= NOTICED_SHARE:
        words.append(f"{outside:.1%} beyond the reference's range")
    return words or [f"median {before:.4g}, as before" if before == after else f"median {before:.4g} → {after:.4g}"]


def _categories(reference: pd.Series, current: pd.Series) -> list[str]:
    before, after = (dict(column.dropna().astype(str).value_counts(normalize=True)) for column in (reference, current))
    apart = {name: abs(after.get(name, 0.0) - before.get(name, 0.0)) for name in (*before, *after)}
    words = []
    if apart:
        name = max(apart, key=apart.__getitem__)
        words.append(f"{name!r} {before.get(name, 0.0):.1%} → {after.get(name, 0.0):.1%}")
    new = sorted(set(after) - set(before), key=lambda label: -after[label])
    if new:
        shown = ", ".join(repr(label) for label in new[:3]) + (f" and {len(new) - 3} more" if len(new) > 3 else "")
        words.append(f"new: {shown} ({sum(after[label] for label in new):.1%})")
    return words
