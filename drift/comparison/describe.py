"""The result of a comparison in words: the verdict and its reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drift.detect.permutation.p_values import p_text

if TYPE_CHECKING:
    from drift.comparison.compare import Comparison


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
    lines = [
        f"only in the {which}: {', '.join(names)}"
        for which, other in (("reference", "current table"), ("current table", "reference"))
        if (names := [name for name, why in comparison.left_out.items() if why == f"not in the {other}"])
    ]
    lines += [
        f"{column.column}: {column.change} ({column.share:.0%} of the difference, p {p_text(column.adjusted)})"
        for column in changed
    ]
    if not changed:
        least = comparison.least_likely
        lines.append(
            f"every column is within chance: the smallest p-value is that of {least.column}, {least.adjusted:.2g}, and"
            f" drift would be {comparison.level / 2:g} or less"
        )
    pairs = comparison.changed_pairs
    for pair in pairs[:3]:
        lines.append(
            f"{pair.features[0]} and {pair.features[1]} go together differently: rank correlation"
            f" {pair.before:+.2f} → {pair.after:+.2f} (p {p_text(pair.adjusted)})"
        )
    if len(pairs) > 3:
        lines.append(f"{len(pairs) - 3} more pairs of columns go together differently")
    used = "" if joint.rows == comparison.rows else f" on {joint.rows[0]:,} and {joint.rows[1]:,} rows of them"
    differ = "differ" if joint.rejected else "are within chance"
    lines.append(f"all columns together {differ}: MMD, {joint.kernel}{used}, p {p_text(joint.p_value)}")
    return lines
