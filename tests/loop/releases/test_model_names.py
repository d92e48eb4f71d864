"""A name that is proposed for a model is free, or of the same table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drift.errors import DataError
from drift.loop.card import Card, DataSource
from drift.loop.options import DeployOptions
from drift.loop.releases import candidate as module
from drift.loop.releases.candidate import served_as, usable_name
from drift.loop.scoring.rows import rows_to_score
from drift.loop.training.base import next_step


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

    monkeypatch.setattr(module, "Registry", Registry)
    monkeypatch.setattr(module, "card_of", read)
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


@pytest.mark.parametrize(
    ("versions", "others", "found"),
    [
        (0, {"shop_model": card("x")}, "shop_model"),
        (0, {"damaged": None, "other": card("y"), "shop_model": card("x")}, "shop_model"),
        (0, {"other": card("y"), "paid": card("x", label="paid")}, None),
        (0, {}, None),
        (1, {"shop_model": card("x")}, None),  # the name is known
    ],
)
def test_a_new_name_beside_one_of_the_same_table_is_told(
    registered: dict[tuple[str, str], Card | None], versions: int, others: dict[str, Card | None], found: str | None
) -> None:
    registered |= {(name, "champion"): made for name, made in others.items()}
    registry: Any = SimpleNamespace(store=None, versions=lambda: [1] * versions, others=lambda: list(others))
    assert served_as(registry, card("x")) == found


def test_the_default_name_is_first_where_it_is_free(registered: dict[tuple[str, str], Card | None]) -> None:
    store: Any = None
    assert usable_name(store, card("x"), default=True) == "drift_model"
    assert usable_name(store, card("x"), default=False) == "sales_data_model"


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (100, "drift deploy --mlflow_experiment_name drift --register_model_name sales_data_model --data"),
        (190, "--block_size 10 --test_data_rows 10"),
        (
            200,
            "version 7, the champion of sales_data_model, has seen all 200 rows of sales data.csv: add later rows at"
            " the end of the table before anything can be scored or a new base model can be compared with it; then:"
            " drift deploy --mlflow_experiment_name drift --register_model_name sales_data_model --data",
        ),
    ],
)
def test_what_follows_a_base_model_is_what_the_champion_of_its_table_leaves(
    monkeypatch: pytest.MonkeyPatch, seen: int, told: str
) -> None:
    """A second base run on the first 100 of 200 rows, beside a champion that has seen more of them."""
    serving = replace(card("x"), reference_rows=(90, seen))
    registry = SimpleNamespace(holder=lambda alias: SimpleNamespace(number=7))
    monkeypatch.setattr(module, "Registry", lambda store, name: registry)
    monkeypatch.setattr(module, "card_of", lambda registry, version: serving)
    result: Any = SimpleNamespace(card=card("x"), experiment="drift")
    store: Any = None
    step = next_step(result, store, rows_left=100)
    assert told in step
    assert ("block_size" in step) is (seen == 190)


@pytest.mark.parametrize("champion", [None, 2])
@pytest.mark.parametrize(("seen", "start"), [(100, None), (90, 100), (90, 95)])
def test_no_smaller_block_is_proposed_where_no_row_is_left(
    tmp_path: Path, champion: int | None, seen: int, start: int | None
) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("x,y\n" + "".join(f"{n},{n % 2}\n" for n in range(100)))
    source = DataSource(str(file), "y")
    table = source.load()
    made = Card(table.feature_names, table.classes, {}, (0, 80), (80, seen), table.digest(range(seen)), source)
    options = DeployOptions(model_name="shop_model", start_row=start)
    with pytest.raises(DataError) as error:
        rows_to_score(made, options, made.fit_to(table), champion=champion)
    told = str(error.value)
    assert ("take a smaller --block_size" in told) is (start == 95)
    assert ("take a smaller --start_row" in told) is (start == 100)
    assert ("train one on fewer rows" in told) is (seen == 100 and champion is None)
    if seen == 100 and champion is not None:
        assert told == (
            "expected at least one block of 20 rows from row 100 on, got 0: version 2, the champion of shop_model, has"
            " seen all 100 rows of"
            f" {table.name}: add later rows at the end of the table before anything can be scored or a new base model"
            " can be compared with it"
        )
