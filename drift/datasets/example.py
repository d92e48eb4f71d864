"""Small made-up tables of a shop, for the examples of the documentation: the same bytes whenever they are made.

Orders have a time, a price, a discount and a delivery time, and are returned or not. Something changes in each table:
in `sales.csv` the rule by which orders are returned, in `this_month.csv` the prices and discounts, and in
`predictions.csv` both, from April on.
"""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drift.errors import StateError
from drift.system.disk import write_at_once, write_errors

SEED = 20260101
NOTES = ("", "gift", "call before delivery", "second floor", "leave at the door")
HEAD = ("order_id", "sold_at", "price", "discount", "delivery_days", "note")
Row = tuple[str | float | int, ...]


def write_example(folder: Path) -> Mapping[Path, str]:
    """Write the tables into a folder, which is made if need be.

    Returns:
        What each file holds, in a sentence.

    Raises:
        StateError: a file of that name is there already with other content, or the folder cannot be written.
    """
    contents = {name: (make(), words) for name, (make, words) in FILES.items()}
    for name, (content, _) in contents.items():
        path = folder / name
        if path.exists() and path.read_bytes() != content:
            raise StateError(f"{path} is there already and is another file; name another folder: drift example FOLDER")
    with write_errors(f"the example cannot be written to {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, (content, _) in contents.items():
            write_at_once(folder / name, content)
    return {folder / name: words for name, (_, words) in contents.items()}


def _orders(
    rng: np.random.Generator, count: int, *, begin: str, minutes: int, price: float = 40.0, discount: float = 0.1
) -> list[Row]:
    """Orders at equal distances in time: id, time, price, discount, days of delivery, note."""
    start = datetime.fromisoformat(begin)
    prices = np.round(price * np.exp(0.5 * rng.standard_normal(count)), 2)
    discounts = np.round(np.clip(discount + 0.08 * rng.standard_normal(count), 0, 0.5), 2)
    days = 1 + rng.poisson(2.0, count)
    notes = rng.integers(0, len(NOTES), count)
    return [
        (
            f"{start:%y%m}-{at:05d}",
            (start + timedelta(minutes=minutes * at)).isoformat(sep=" "),
            float(prices[at]),
            float(discounts[at]),
            int(days[at]),
            NOTES[notes[at]],
        )
        for at in range(count)
    ]


def _returned(rng: np.random.Generator, orders: list[Row], *, turned: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each order comes back: dear and late ones; once the rule has turned, dear and discounted ones."""
    price, discount, days = (np.array([row[at] for row in orders], float) for at in (2, 3, 4))
    usual = 8.0 * np.log(price / 40) + 3.0 * (days - 3.5)
    now = 6.0 * np.log(price / 40) + 40.0 * (discount - 0.1) - 1.0 * (days - 3.5)
    chance = 1 / (1 + np.exp(-np.where(turned, now, usual)))
    return np.asarray(rng.random(len(orders)) < chance)


def _csv(head: tuple[str, ...], rows: list[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue().encode()


def _sales() -> bytes:
    """6,000 orders, one an hour; the rule of returns turns at order 5,200."""
    rng = np.random.default_rng([SEED, 0])
    orders = _orders(rng, 6000, begin="2026-01-01", minutes=60)
    came = _returned(rng, orders, turned=np.arange(6000) >= 5200)
    return _csv((*HEAD, "returned"), [(*row, "yes" if back else "no") for row, back in zip(orders, came, strict=True)])


def _month(number: int) -> bytes:
    rng = np.random.default_rng([SEED, number])
    dearer = {"price": 46.0, "discount": 0.14} if number == 2 else {}
    orders = _orders(rng, 1000, begin=f"2026-{number:02d}-01", minutes=40, **dearer)
    return _csv(HEAD, orders)


def _predictions() -> tuple[list[Row], list[Row]]:
    """120 days of 40 orders with a model's answers, and the labels of April, which came later."""
    rng = np.random.default_rng([SEED, 3])
    quiet = _orders(rng, 90 * 40, begin="2026-01-01", minutes=36)
    moved = _orders(rng, 30 * 40, begin="2026-04-01", minutes=36, price=55.0, discount=0.16)
    orders = quiet + moved
    late = np.arange(len(orders)) >= len(quiet)
    came = _returned(rng, orders, turned=late)
    price, days = (np.array([row[at] for row in orders], float) for at in (2, 4))
    chance = 1 / (1 + np.exp(-8.0 * np.log(price / 40) - 3.0 * (days - 3.5)))
    rows: list[Row] = []
    labels: list[Row] = []
    for at, row in enumerate(orders):
        label = "yes" if came[at] else "no"
        answer = "yes" if chance[at] > 0.5 else "no"
        sure = round(float(max(chance[at], 1 - chance[at])), 4)
        rows.append((*row[:5], str(row[1])[:10], answer, sure, "" if late[at] else label))
        if late[at]:
            labels.append((row[0], label))
    return rows, labels


ANSWERED = (*HEAD[:5], "day", "predicted", "p", "returned")


def _shop() -> bytes:
    """The table `predictions` in SQLite."""
    with sqlite3.connect(":memory:") as database:
        kinds = ("TEXT", "TEXT", "REAL", "REAL", "INTEGER", "TEXT", "TEXT", "REAL", "TEXT")
        columns = ", ".join(f"{name} {kind}" for name, kind in zip(ANSWERED, kinds, strict=True))
        database.execute(f"CREATE TABLE predictions ({columns})")
        rows = [tuple(None if value == "" else value for value in row) for row in _predictions()[0]]
        places = ", ".join("?" * len(ANSWERED))
        database.executemany(f"INSERT INTO predictions VALUES ({places})", rows)  # noqa: S608 - our own names
        database.commit()
        return database.serialize()


FILES: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "sales.csv": (_sales, "6,000 orders and whether they were returned; the rule changes at row 5,200"),
    "last_month.csv": (lambda: _month(1), "1,000 orders"),
    "this_month.csv": (lambda: _month(2), "1,000 orders at other prices and discounts"),
    "predictions.csv": (
        lambda: _csv(ANSWERED, _predictions()[0]),
        "120 days of a model's answers; returns of April are not known yet",
    ),
    "returns.csv": (
        lambda: _csv(("order_id", "returned"), _predictions()[1]),
        "the returns of April, by order_id",
    ),
    "shop.db": (_shop, "the table predictions in SQLite, the same as predictions.csv"),
}
