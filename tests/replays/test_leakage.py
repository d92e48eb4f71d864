"""The leak of ELEC, and features that look back."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from drift.data.blocks import Table
from drift.datasets.elec import load_elec
from drift.errors import DataError
from drift.replays.evaluation.known_drift import displacement, has_concept, thresholds
from drift.replays.leakage import history_leaks, require_row_wise


@pytest.fixture(scope="module")
def elec() -> Table:
    return load_elec()


def beside(table: Table, values: NDArray[np.float64], name: str = "extra") -> Table:
    features = np.column_stack([table.features, values.astype(np.float32)])
    return replace(table, features=features, feature_names=(*table.feature_names, name))


def test_with_price_history_one_line_is_always_right(elec: Table) -> None:
    """UP exactly if the price is above the mean of the 48 before: 0 errors in 45,264 rows."""
    price = elec.features[:, elec.feature_names.index("nswprice")]
    assert ((price > thresholds(elec)) == elec.labels)[48:].all()


def test_elec_is_row_wise(elec: Table) -> None:
    assert history_leaks(elec) == []
    require_row_wise(elec)
    assert has_concept(elec)


def test_features_that_look_back_are_refused(elec: Table) -> None:
    price = elec.features[:, 0].astype(np.float64)
    for values, of, how in (
        (thresholds(elec), "nswprice", "the mean of 48 earlier rows"),
        (price - thresholds(elec), "nswprice", "the mean of 48 earlier rows"),
        (np.roll(elec.labels, 1).astype(float), "the label", "a value 1 rows earlier"),
        (np.roll(price, 48), "nswprice", "a value 48 rows earlier"),
        (3 * elec.features[:, 1] - 2 * np.roll(price, 7), "nswprice", "a value 7 rows earlier"),
    ):
        found = history_leaks(beside(elec, values))[-1]
        assert (found.feature, found.of, found.how) == ("extra", of, how)
        with pytest.raises(DataError, match=f"extra holds {how} of {of}"):
            require_row_wise(beside(elec, values))


def test_what_does_not_look_back_is_let_pass(elec: Table) -> None:
    rng = np.random.default_rng(0)
    price = elec.features[:, 0].astype(np.float64)
    walk = np.cumsum(rng.normal(size=len(elec)))
    for values in (rng.normal(size=len(elec)), walk, np.zeros(len(elec)), price**2):
        assert history_leaks(beside(elec, values)) == []
    assert history_leaks(replace(elec, features=elec.features[:40], labels=elec.labels[:40])) == []


def test_features_that_know_the_label_are_refused(elec: Table) -> None:
    price = elec.features[:, 0].astype(np.float64)
    for values in (price / np.maximum(thresholds(elec), 1e-6), (price > thresholds(elec)).astype(float)):
        with pytest.raises(DataError, match="extra alone tells the label"):
            require_row_wise(beside(elec, values))


def test_displacement_is_the_share_of_turned_labels(elec: Table) -> None:
    price, rows = elec.features[:, 0].astype(np.float64), range(2_000, 2_336)
    learned = thresholds(elec)[500:1_500].mean()
    naive = np.mean([(price[row] > learned) != bool(elec.labels[row]) for row in rows])
    assert displacement(elec, rows, range(500, 1_500)) == pytest.approx(naive)
