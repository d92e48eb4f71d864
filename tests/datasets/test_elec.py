"""The embedded stream is what its card says, leak included."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drift.datasets import elec
from drift.datasets.elec import load_elec
from drift.errors import DataError

CARD = Path(__file__).parents[2] / "data" / "README.md"


def test_counts_and_time_span() -> None:
    table = load_elec()
    assert len(table) == 45_312
    assert [int((table.labels == code).sum()) for code in (0, 1)] == [26_075, 19_237]
    assert table.timestamps is not None
    assert str(table.timestamps[0]) == "1996-05-07T00:00:00"
    assert str(table.timestamps[-1]) == "1998-12-06T23:30:00"
    assert np.isfinite(table.features).all()


def test_file_is_small_and_its_card_tells_its_digest_and_size() -> None:
    path = elec.elec_path()
    text = CARD.read_text()
    assert path.stat().st_size < 1_000_000
    assert hashlib.sha256(path.read_bytes()).hexdigest() == elec.SHA256
    assert elec.SHA256 in text
    assert f"{path.stat().st_size:,} bytes" in text


def test_the_card_names_every_column() -> None:
    columns = pd.read_parquet(elec.elec_path()).columns
    assert all(re.search(rf"`{name}`", CARD.read_text()) for name in columns)


def test_label_is_a_rule_on_price_history_without_exception() -> None:
    frame = pd.read_parquet(elec.elec_path())
    price = np.rint(frame["nswprice"].to_numpy() * 1e6).astype(np.int64)  # six decimals: whole numbers are exact
    total = np.concatenate([[0], np.cumsum(price)])
    rows = np.arange(48, len(price))
    above = 48 * price[rows] > total[rows] - total[rows - 48]
    assert len(rows) == 45_264
    assert int((above != (frame["class"] == "UP").to_numpy()[rows]).sum()) == 0


def test_three_columns_are_constant_at_first_and_vary_later() -> None:
    table = load_elec()
    for name in ("vicprice", "vicdemand", "transfer"):
        column = table.features[:, table.feature_names.index(name)]
        assert np.ptp(column[:17_424]) == 0
        assert np.ptp(column[17_424:]) > 0.1


def test_weekday_agrees_with_the_literature() -> None:
    table = load_elec()
    assert table.timestamps is not None
    index = np.arange(0, len(table), 48)
    literature = ((index // 48) + 1) % 7 + 1  # 1 is Monday
    ours = pd.DatetimeIndex(table.timestamps[index]).dayofweek + 1
    np.testing.assert_array_equal(ours, literature)


def test_damage_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "elec.parquet"
    damaged.write_bytes(elec.elec_path().read_bytes()[:-1] + b"x")
    monkeypatch.setattr(elec, "elec_path", lambda: damaged)
    with pytest.raises(DataError, match="is damaged: expected sha256"):
        load_elec()
