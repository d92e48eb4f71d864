"""What happened to a column, and to two tables, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drift.detect.permutation.p_values import p_text

if TYPE_CHECKING:
    import pandas as pd

    from drift.compare.comparison import Comparison

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


def verdict(comparison: Comparison) -> str:
    """Whether there is drift, in one line."""
    n, m = comparison.rows
    count = len(comparison.columns)
    sizes = f"{n:,} rows against {m:,}, {count} column{'' if count == 1 else 's'}"
    if not comparison.drift:
        return f"no drift: p {p_text(comparison.p_value)} at level {comparison.level:g} ({sizes})"
    return f"drift: p {p_text(comparison.p_value)} at level {comparison.level:g} ({sizes})"


def reasons(comparison: Comparison) -> list[str]:
    """Why the verdict is what it is, one thing a line, the weightiest first."""
    joint, changed = comparison.joint, comparison.changed
    found = [
        f"only in the {which}: {', '.join(names)}"
        for which, other in (("reference", "current table"), ("current table", "reference"))
        if (names := [name for name, why in comparison.left_out.items() if why == f"not in the {other}"])
    ]
    found += [
        f"{one.column}: {one.change} ({one.share:.0%} of the difference, p {p_text(one.adjusted)})" for one in changed
    ]
    if not changed:
        least = comparison.least_likely
        found.append(
            f"every column is within chance: the smallest p-value is that of {least.column}, {least.adjusted:.2g}, and"
            f" drift would be {comparison.level / 2:g} or less"
        )
    pairs = comparison.changed_pairs
    for pair in pairs[:3]:
        found.append(
            f"{pair.features[0]} and {pair.features[1]} go together differently: rank correlation"
            f" {pair.before:+.2f} → {pair.after:+.2f} (p {p_text(pair.adjusted)})"
        )
    if len(pairs) > 3:
        found.append(f"{len(pairs) - 3} more pairs of columns go together differently")
    used = "" if joint.rows == comparison.rows else f" on {joint.rows[0]:,} and {joint.rows[1]:,} rows of them"
    differ = "differ" if joint.rejected else "are within chance"
    found.append(f"all columns together {differ}: MMD, {joint.kernel}{used}, p {p_text(joint.p_value)}")
    return found


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
