"""Profiles of parts of any table merge to that of the whole, whatever the order and the brackets."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from drift.detect import Profile, learn_binning, merge, profile

NUMBERS = st.floats(-1e6, 1e6) | st.just(np.nan) | st.just(np.inf)
ROWS = st.lists(st.tuples(NUMBERS, st.sampled_from(["a", "b", "c", None])), max_size=30)
REFERENCE = pd.DataFrame({"x": np.linspace(-10, 10, 40), "c": ["a", "b"] * 20})
BINNING = learn_binning(REFERENCE)


def of_rows(rows: list[tuple[float, str | None]]) -> Profile:
    frame = pd.DataFrame({"x": np.asarray([x for x, _ in rows], np.float64)})
    return profile(BINNING, frame.assign(c=pd.Series([c for _, c in rows], dtype="str")))


def counted(profiles: Profile) -> dict[str, object]:
    """What is counted exactly; sums of squares differ in the last digit with the order."""
    kept: dict[str, object] = {"rows": profiles.rows}
    for name, counts in profiles.to_json()["columns"].items():
        kept[name] = {part: value for part, value in counts.items() if part != "moments"}
    return kept


@settings(max_examples=60, deadline=None)
@given(a=ROWS, b=ROWS, c=ROWS)
def test_merge_is_associative_and_commutative_and_equal_to_the_whole(
    a: list[tuple[float, str | None]], b: list[tuple[float, str | None]], c: list[tuple[float, str | None]]
) -> None:
    one, two, three = map(of_rows, (a, b, c))
    whole = counted(of_rows(a + b + c))
    assert counted(merge(merge(one, two), three)) == whole
    assert counted(merge(one, merge(two, three))) == whole
    assert counted(merge(three, two, one)) == whole
    assert merge(one, two) == merge(two, one)
