"""Two tables compared: the verdict, its reasons, and what is left out."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from drift.comparison import choose_columns, compare_tables
from drift.comparison.result import change_in_words, reasons, verdict
from drift.comparison.text import lines
from drift.detect.explain import PairChange, pair_changes
from drift.errors import BlockError
from drift.report.comparison import write_comparison


def table(n: int = 400, *, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "price": rng.gamma(2, size=n),
            "demand": rng.normal(50, 9, size=n),
            "city": rng.choice(["Ulm", "Bonn", "Kiel"], size=n, p=[0.6, 0.3, 0.1]),
            "open": rng.random(n) < 0.4,
            "load": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
        }
    )


def test_tables_of_one_kind_do_not_differ() -> None:
    found = compare_tables(table(), table(seed=3))
    assert not found.drift
    assert verdict(found).startswith("no drift: p = ")
    assert {column.column for column in found.columns} == {"price", "demand", "city", "open", "load"}
    assert {column.test for column in found.columns if column.kind == "numbers"} == {"ks", "ks and missing"}
    assert not found.changed


def test_no_sentence_under_no_drift_reads_like_a_finding(tmp_path: Path) -> None:
    """Not even where a pair's correlation has a tiny p-value of its own: the verdict does not rest on it."""
    found = compare_tables(table(), table(seed=3))
    found = replace(found, pairs=(PairChange(("price", "demand"), -0.1, 0.2, 1e-6, 1e-5),))
    assert not found.drift
    page = write_comparison(found, tmp_path / "page.html", reference="a", current="b").read_text()
    shown = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
    for text in ("\n".join(lines(found)), shown, *(column.change for column in found.columns)):
        assert not re.search("differ|of the difference|together differently|what changed|carry", text), text
    assert all(column.change.endswith("(within chance)") for column in found.columns)


@pytest.mark.parametrize("width", [60, 80, 100, 120, None])
def test_long_values_are_cut_before_the_words_within_chance(width: int | None) -> None:
    """Where values are shown, however narrow, each cell says that they are no finding."""
    labels = [letter * 50 for letter in "abcde"]
    tables = [
        pd.DataFrame({"x": rng.normal(size=500), "label": rng.choice(labels, 500)})
        for rng in map(np.random.default_rng, (0, 1))
    ]
    found = compare_tables(*tables, permutations=99)
    assert not found.drift
    text = list(lines(found, width=width))
    begin = text.index("") + 1
    header, *rows = text[begin : text.index("", begin)]
    assert len(rows) == 2
    if width is not None:
        assert max(map(len, rows)) <= width
    assert ("values" in header) is (width != 60)
    for row in rows:
        assert ("(within chance)" in row) is ("values" in header)
        assert row.count("(") == row.count(")")


@pytest.mark.parametrize("seed", [1, 3])
def test_columns_are_listed_by_their_share(seed: int, tmp_path: Path) -> None:
    current = table(seed=seed)
    current["demand"] += 2
    current["price"] *= 1.5
    found = compare_tables(table(), current)
    shares = [column.share for column in found.columns]
    assert shares == sorted(shares, reverse=True)
    assert found.columns[0].column == found.changed[0].column
    page = write_comparison(found, tmp_path / "page.html", reference="a", current="b").read_text()
    every = page[page.index("Every column") :]
    places = [every.index(f'">{column.column}</td>') for column in found.columns]
    assert places == sorted(places)


def test_a_changed_column_is_the_reason() -> None:
    current = table(seed=1)
    current["demand"] += 7
    found = compare_tables(table(), current)
    assert found.drift
    assert [column.column for column in found.changed] == ["demand"]
    assert found.columns[0].share > 0.5
    assert reasons(found)[0].startswith("demand: median 49.49 → 56")
    assert any("all columns together differ" in reason for reason in reasons(found))


@pytest.mark.parametrize(
    ("share", "words"), [(0.52, "→ 52.0% (within chance)"), (0.8, "→ 80.0%"), (0.48, ", as before")]
)
def test_a_column_of_two_numbers_is_told_by_shares(share: float, words: str) -> None:
    """A median of 0 or 1 would jump where half of the rows are 1."""
    before, after = (pd.DataFrame({"flag": np.arange(500) % 25 < 25 * part}).astype(int) for part in (0.48, share))
    (column,) = compare_tables(before, after).columns
    assert column.change.startswith("share of 1 48.0%")
    assert words in column.change


@pytest.mark.parametrize(
    ("change", "column", "words"),
    [
        (lambda t: t["city"].where(t.index % 2 == 0, "Köln"), "city", "new: 'Köln' (50.0%)"),
        (lambda t: t["load"].where(t.index % 2 == 0), "load", "missing"),
        (lambda t: t["open"] | (t.index % 3 == 0), "open", "'True' 47"),
        (lambda t: t["price"] * 3, "price", "spread × 3"),
    ],
)
def test_every_kind_of_change_is_seen_and_told(change: object, column: str, words: str) -> None:
    current = table(seed=1)
    current[column] = change(current)  # type: ignore[operator]
    found = compare_tables(table(), current)
    [changed] = found.changed
    assert changed.column == column
    assert words in changed.change


def test_columns_that_only_go_together_differently_are_drift() -> None:
    current = table(n=800, seed=1)
    current["demand"] = np.sort(current["demand"])[np.argsort(np.argsort(current["price"]))]
    found = compare_tables(table(n=800), current)
    assert found.drift
    assert not found.changed
    assert found.joint.rejected
    assert found.changed_pairs[0].features == ("price", "demand")
    assert any("price and demand go together differently" in reason for reason in reasons(found))


@pytest.mark.slow
def test_level() -> None:
    """Over tables of one kind, drift is found in .2 of the cases at most at level .2 (99.95 % binomial bound)."""
    runs = 120
    found = sum(
        compare_tables(table(90, seed=2 * seed), table(70, seed=2 * seed + 1), level=0.2, permutations=99).drift
        for seed in range(runs)
    )
    assert found <= binom.ppf(0.9995, runs, 0.2)


def test_what_always_differs_is_left_out_unless_asked_for() -> None:
    first, second = table(), table(seed=1)
    for start, frame in ((0, first), (400, second)):
        frame["row"] = np.arange(start, start + 400)
        frame["at"] = pd.date_range("2020", periods=400)
        frame["key"] = [f"k{start + at}" for at in range(400)]
        frame["empty"] = None
    second["extra"] = 1.0
    found = choose_columns(first, second)
    assert found.left_out == {
        "row": "sorted in both tables, like a time or a row number",
        "at": "holds dates",
        "key": "different in nearly every row, like a name",
        "empty": "has no values",
        "extra": "not in the reference",
    }
    assert choose_columns(first, second, columns=("row", "price")).names == ("price", "row")
    assert "city" not in choose_columns(first, second, ignore=("city",)).names


@pytest.mark.parametrize(
    ("first", "second", "options", "words"),
    [
        (
            table(),
            table(),
            {"columns": ("town",)},
            "expected columns of the tables, got 'town'; the reference has price",
        ),
        (table(), table().drop(columns="city"), {"columns": ("city",)}, "expected column 'city' in both tables"),
        (table(), table().astype({"price": str}), {}, "expected column 'price' to be of one kind"),
        (table()[["price"]], table()[["demand"]], {}, "none is left .price: not in the current table"),
        (table(1), table(1), {"columns": ("price",)}, "2 rows or more"),
    ],
)
def test_bad_input(first: pd.DataFrame, second: pd.DataFrame, options: dict[str, tuple[str, ...]], words: str) -> None:
    with pytest.raises(BlockError, match=words):
        compare_tables(first, second, **options)  # type: ignore[arg-type]


def test_rows_keep_the_numbers_that_they_have_in_their_file() -> None:
    reference, current = table(), table(n=300, seed=1)
    current.loc[217, "demand"] = 200.0
    found = compare_tables(reference, current.iloc[100:], rows=1)
    assert (found.unlike[0].row, found.unlike[0].column, found.unlike[0].value) == (217, "demand", "200")


def test_the_text_shows_every_column() -> None:
    text = list(lines(compare_tables(table(), table(seed=1))))
    for name in table().columns:
        assert any(f" {name} " in line for line in text)
    assert text[-1].startswith("p-values hold if rows are independent")


def test_words_of_columns_without_values() -> None:
    empty, full = pd.Series([np.nan, np.nan]), pd.Series([1.0, 2.0])
    assert change_in_words(full, empty, numeric=True) == "no values, missing 0.0% → 100.0%"
    assert change_in_words(empty, full, numeric=True) == "values where there were none, missing 100.0% → 0.0%"


def test_a_value_is_the_same_in_both_precisions() -> None:
    """A CSV file gives 0.1, a float32 column 0.100000001: no difference between tables."""
    rng = np.random.default_rng(0)
    values = rng.choice([0.1, 0.3, 0.7], size=(2, 400))
    single = pd.DataFrame({"x": values[0].astype(np.float32)})
    found = compare_tables(single, pd.DataFrame({"x": values[1]}), rows=0)
    assert found.columns[0].statistic < 0.1
    assert not found.drift


def test_the_most_unlike_row_shows_the_cell_as_it_is() -> None:
    """Not the numbers that categories and gaps become for the joint test."""
    rng = np.random.default_rng(0)
    reference = pd.DataFrame({"x": rng.normal(size=300), "city": "Ulm"})
    reference.loc[:2, "city"] = "Bonn"
    current = pd.DataFrame({"x": rng.normal(size=200), "city": "Ulm"})
    current.loc[40, "city"] = "Köln"
    current.loc[50, "x"] = np.inf
    told = {row.row: row for row in compare_tables(reference, current, rows=2).unlike}
    assert (told[40].column, told[40].value, told[40].place) == ("city", "Köln", "as in 0.0% of the reference")
    assert (told[50].column, told[50].value) == ("x", "inf")


def test_iso_dates_in_text_are_dates() -> None:
    days = pd.Series(["2020-01-03", "2020-01-01", "2020-01-02T10:00:00"] * 20)
    first, second = pd.DataFrame({"day": days, "x": range(60)}), pd.DataFrame({"day": days[::-1], "x": range(60, 120)})
    second["x"] = second["x"].sample(frac=1, random_state=0).to_numpy()
    assert choose_columns(first, second).left_out == {"day": "holds dates"}
    assert choose_columns(first, second.assign(day=pd.to_datetime("2020-05-05"))).names == ("x",)


def test_what_cannot_be_compared_is_left_out_or_told() -> None:
    frame = table(60)
    frame["lists"] = [[1, 2]] * 60
    assert choose_columns(frame, frame).left_out["lists"] == "holds neither numbers nor text"
    with pytest.raises(BlockError, match=r"values up to 1e\+100 in column 'price', got 1e\+200 in the current table"):
        choose_columns(frame, frame.assign(price=1e200))
    with pytest.raises(BlockError, match="booleans in the reference and numbers in the current table"):
        choose_columns(frame, frame.assign(open=1))


def test_columns_of_one_table_only_are_told_first() -> None:
    found = compare_tables(table(), table(seed=3).rename(columns={"city": "town"}))
    assert reasons(found)[:2] == ["only in the reference: city", "only in the current table: town"]


def test_a_gap_that_grows_is_as_surprising_as_it_is() -> None:
    current = table(2_000, seed=1)
    current["load"] = current["load"].where(np.random.default_rng(0).random(2_000) > 0.3)
    found = compare_tables(table(2_000), current)
    assert found.columns[0].column == "load"
    assert found.columns[0].p_value < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lognormal", "sentinel", "rare flag"])
def test_level_of_awkward_tables(kind: str) -> None:
    runs, found = 40, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        frames = []
        for rows in (200, 150):
            amount = rng.lognormal(0, 2.5, rows) if kind == "lognormal" else rng.normal(size=rows)
            if kind == "sentinel":
                amount[rng.random(rows) < 0.02] = 1e9
            frames.append(
                pd.DataFrame({"amount": amount, "flag": rng.random(rows) < (0.004 if kind == "rare flag" else 0.5)})
            )
        found += compare_tables(frames[0], frames[1], permutations=99).drift
    assert found <= binom.ppf(0.9995, runs, 0.05)


def test_names_and_types_as_they_come() -> None:
    rng = np.random.default_rng(0)
    first, second = (
        pd.DataFrame({0: rng.normal(size=90).astype(np.float16), 1: rng.normal(size=90)}) for _ in range(2)
    )
    first[2] = pd.Series([Decimal("1.5"), Decimal("2.5")] * 45, dtype=object)
    second[2] = pd.Series([Decimal("1.5"), None] * 45, dtype=object)
    first["a"] = second["a"] = np.where(np.arange(90) % 3, 1.0, np.nan)
    first["a missing"] = second["a missing"] = rng.integers(0, 2, 90)
    first["down"], second["down"] = np.arange(90)[::-1], np.arange(90)[::-1] - 500
    first["none"], second["none"] = None, "x"
    found = compare_tables(first, second)
    assert {column.column for column in found.columns} == {"0", "1", "2", "a", "a missing", "none"}
    assert "none" in [column.column for column in found.changed], "full now, and empty before"
    assert found.left_out == {"down": "sorted in both tables, like a time or a row number"}
    twice = pd.DataFrame([[1.0, 2.0]] * 5, columns=["x", "x"])
    with pytest.raises(BlockError, match="expected columns of different names in the reference, got x more than once"):
        compare_tables(twice, twice)


def test_a_level_is_in_reach_whatever_the_permutations() -> None:
    assert compare_tables(table(), table(seed=3), level=0.02, permutations=19).joint.permutations >= 99


def orders(n: int, rng: np.random.Generator, *, sent_back: float = 0.8, gaps: float = 0.0) -> pd.DataFrame:
    """Orders, of which dear ones are sent back with that chance, and cheap ones with the rest of it."""
    price = rng.gamma(2, size=n)
    dear = price > 1.678  # the median
    outcome = np.where(rng.random(n) < np.where(dear, sent_back, 1 - sent_back), "sent_back", "kept").astype(object)
    outcome[rng.random(n) < gaps] = None
    city = rng.choice(["Ulm", "Bonn", "Kiel"], size=n)
    return pd.DataFrame({"price": price, "outcome": outcome, "gift": rng.random(n) < 0.3, "city": city})


@pytest.mark.parametrize("gaps", [0.0, 0.1])
@pytest.mark.parametrize("categorical", [False, True])
def test_a_changed_link_to_a_text_label_of_two_classes_is_found(categorical: bool, gaps: float) -> None:
    rng = np.random.default_rng(0)
    before, after = orders(600, rng, gaps=gaps), orders(500, rng, sent_back=0.2, gaps=gaps)
    if categorical:
        before, after = (frame.astype({"outcome": "category"}) for frame in (before, after))
    found = compare_tables(before, after, permutations=199)
    assert found.drift
    assert [pair.features for pair in found.changed_pairs] == [("price", "outcome (sent_back)")]
    assert any("price and outcome (sent_back) go together differently" in reason for reason in reasons(found))
    assert not any("city" in name for pair in found.pairs for name in pair.features)


def test_two_values_are_paired_as_0_and_1() -> None:
    rng = np.random.default_rng(1)
    before, after = orders(400, rng), orders(300, rng, sent_back=0.5)
    as_text = compare_tables(before, after, permutations=99, rows=0).pairs
    as_numbers = [frame.assign(outcome=(frame["outcome"] == "sent_back").astype(int)) for frame in (before, after)]
    for one, same in zip(as_text, compare_tables(*as_numbers, permutations=99, rows=0).pairs, strict=True):
        assert [name.replace("outcome (sent_back)", "outcome") for name in one.features] == list(same.features)
        assert (one.before, one.after, one.adjusted) == (same.before, same.after, same.adjusted)
    names = {name for pair in as_text for name in pair.features}
    assert names == {"price", "outcome (sent_back)", "gift (True)"}
    assert as_text[0].adjusted == pytest.approx(3 * as_text[0].p_value)  # corrected for all pairs


def test_three_values_over_both_tables_have_no_pairs() -> None:
    rng = np.random.default_rng(2)
    before, after = orders(300, rng), orders(300, rng)
    after["outcome"] = after["outcome"].replace("kept", "lost")
    assert {name for pair in compare_tables(before, after, permutations=99).pairs for name in pair.features} == {
        "price",
        "gift (True)",
    }


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.03, 0.08, 0.5])
def test_level_of_pairs_with_two_values(share: float) -> None:
    """Where nothing changed, one pair or more is named in .05 of the cases at most (99.95 % binomial bound)."""
    runs, named, rng = 400, 0, np.random.default_rng(4)
    for _ in range(runs):
        tables = []
        for rows in (400, 300):
            price = rng.gamma(2, size=rows)
            late, gift = (rng.random(rows) < np.minimum(1, share * price / 2) for _ in range(2))
            tables.append(pd.DataFrame({"price": price, "late": np.where(late, "yes", "no"), "gift": gift}))
        paired = choose_columns(*tables).paired()
        named += any(pair.adjusted <= 0.05 for pair in pair_changes(paired.reference, paired.current, paired.labels))
    assert named <= binom.ppf(0.9995, runs, 0.05)


def test_a_missing_nullable_number_may_be_in_the_most_unlike_row() -> None:
    rng = np.random.default_rng(0)
    tables = [pd.DataFrame({"a": rng.normal(size=80), "flag": rng.integers(0, 2, 80)}) for _ in range(2)]
    for table in tables:
        table["flag"] = table["flag"].astype("Int64").mask(np.arange(80) % 8 == 0)
    assert len(compare_tables(*tables, rows=80).unlike) > 0
