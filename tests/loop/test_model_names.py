"""A name that is proposed for a model is free, or of the same table."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from drift.errors import DataError
from drift.loop import model_names
from drift.loop.base import next_step
from drift.loop.cards import Card, DataSource
from drift.loop.model_names import usable_name


def card(*names: str, label: str = "returned") -> Card:
    return Card(names, ("no", "yes"), {}, (0, 90), (90, 100), "", DataSource("/data/sales data.csv", label))


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Card | None]:
    """Cards by name in the registry and alias; None is a damaged one."""
    made: dict[tuple[str, str], Card | None] = {}

    class Registry:
        def __init__(self, store: object, name: str) -> None:
            self.name = name

        def holder(self, alias: str) -> tuple[str, str] | None:
            return (self.name, alias) if (self.name, alias) in made else None

    def read(registry: object, version: tuple[str, str]) -> Card:
        found = made[version]
        if found is None:
            raise DataError("the card is damaged")
        return found

    monkeypatch.setattr(model_names, "Registry", Registry)
    monkeypatch.setattr(model_names, "card_of", read)
    return made


@pytest.mark.parametrize("taken", [0, 1, 2, 3, 12])
def test_names_are_counted_until_one_is_free(registered: dict[tuple[str, str], Card | None], taken: int) -> None:
    """Champions of other columns, another label, a deleted champion and a damaged card leave no name free."""
    others = [card("a"), card("b"), card("x", label="paid"), None]
    names = ["sales_data_model", *(f"sales_data_model_{n}" for n in range(2, 20))]
    registered["drift_model", "champion"] = card("y")
    for n, name in enumerate(names[:taken]):
        registered[name, "previous" if n % 5 == 4 else "champion"] = others[n % 4]
    store: Any = None
    assert usable_name(store, card("x"), default=True) == names[taken]
    assert usable_name(store, card("x"), default=False) == names[taken]


def test_a_name_of_the_same_table_is_taken_up(registered: dict[tuple[str, str], Card | None]) -> None:
    registered["drift_model", "champion"] = card("y")
    registered["sales_data_model", "champion"] = card("z")
    registered["sales_data_model_2", "champion"] = card("x")
    store: Any = None
    assert usable_name(store, card("x"), default=True) == "sales_data_model_2"
    result: Any = SimpleNamespace(card=card("x"), experiment="my runs")
    assert next_step(result, store, rows_left=100) == (
        "drift deploy --mlflow_experiment_name 'my runs' --register_model_name sales_data_model_2"
        " --data '/data/sales data.csv' --label returned"
    )


def test_the_default_name_is_first_where_it_is_free(registered: dict[tuple[str, str], Card | None]) -> None:
    store: Any = None
    assert usable_name(store, card("x"), default=True) == "drift_model"
    assert usable_name(store, card("x"), default=False) == "sales_data_model"
