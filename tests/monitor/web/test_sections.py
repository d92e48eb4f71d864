"""Every page of the navigation, by the registry: a new one is tried without a change here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import drift.monitor.web
from drift.monitor.alerts.check import check
from drift.monitor.alerts.messages import Watch
from drift.monitor.store import MonitorStore
from drift.monitor.web.sections import SECTIONS
from tests.monitor.serving import Site, serving
from tests.monitor.worlds import World, agree, monitor_of, take_in

TEMPLATES = Path(drift.monitor.web.__file__).parent / "templates"
every = pytest.mark.parametrize("name", SECTIONS)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    store = MonitorStore(tmp_path_factory.mktemp("sections") / "m.db")
    take_in(store, World(batches=12, rows=100, moved_from=8))
    agree(store, 6)
    check(store, monitor_of(store), Watch())
    with serving(store) as running:
        yield running


def test_every_file_is_in_the_registry() -> None:
    files = {path.stem for path in (Path(drift.monitor.web.__file__).parent / "sections").glob("*.py")}
    assert len(files - {"__init__", "protocol"}) == len(SECTIONS)


def test_addresses_and_templates_are_their_own() -> None:
    own = {"base", "batch", "errors", "home", "macros", "overview", "problem", "report", "sign_in", "signal"}
    assert not own & set(SECTIONS)
    assert own | set(SECTIONS) == {path.name.removesuffix(".html.j2") for path in TEMPLATES.iterdir()}


@every
def test_it_is_drawn_and_linked_from_every_page(site: Site, name: str) -> None:
    section = SECTIONS[name]
    assert (TEMPLATES / f"{name}.html.j2").is_file()
    page = site.get(f"/monitors/1/{name}")
    assert page.status_code == 200
    assert f'href="/monitors/1/{name}" aria-current="page">{section.title}</a>' in page.text
    assert f'href="/monitors/1/{name}">{section.title}</a>' in site.get("/monitors/1").text


@every
def test_a_monitor_that_is_not_there_is_not_found(site: Site, name: str) -> None:
    assert site.get(f"/monitors/77/{name}").status_code == 404
    assert site.get(f"/monitors/one/{name}").status_code == 400


@every
def test_a_query_that_it_does_not_know_changes_nothing(site: Site, name: str) -> None:
    assert site.get(f"/monitors/1/{name}?what=%3Cscript%3E").status_code == 200
