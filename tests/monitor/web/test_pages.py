"""The page over real HTTP: it shows what is stored, escapes everything, and lets only those write who may."""

from __future__ import annotations

import html
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests

from drift.errors import StateError
from drift.monitor.alerts.check import check
from drift.monitor.alerts.messages import Watch
from drift.monitor.pipeline.ingest import ingest
from drift.monitor.report import write_monitor_report
from drift.monitor.sources.batches import Batching
from drift.monitor.sources.column_roles import Columns
from drift.monitor.store import MonitorStore, alerts, batches
from drift.monitor.store.records import MonitorRecord
from drift.monitor.web.connections import Unrepeated
from drift.monitor.web.security import Gate
from drift.report.page import plotly_library
from drift.system.socket_owner import CLOSED
from tests.monitor.serving import TOKEN, Site, serving
from tests.monitor.worlds import World, agree, monitor_of, take_in
from tests.waiting import wait_until

HOSTILE = "<script>alert(1)</script>\"'--></textarea><img src=x onerror=alert(2)>{{7*7}}${7*7}"


@dataclass
class Page:
    """A site on a store with an alert, whose truth is known."""

    site: Site
    store: MonitorStore
    monitor: MonitorRecord

    @property
    def newest(self) -> int:
        with self.store.read() as connection:
            return batches.all_batches(connection, self.monitor)[-1].id

    @property
    def errors(self) -> str:
        return f"/monitors/{self.monitor.id}/batches/{self.newest}/errors"

    @property
    def key(self) -> str:
        found = re.search(r'data-row="([^"]+)"', self.site.get(self.errors).text)
        assert found is not None
        return html.unescape(found[1])

    def findings(self) -> int:
        with self.store.read() as connection:
            return len(alerts.all_findings(connection, self.monitor))

    def write(self, secret: str, **more: object) -> requests.Response:
        form = {"form_secret": secret, "key": self.key, "verdict": "real", "reason": "a holiday", "tags": "x, y"}
        return self.site.post(f"/monitors/{self.monitor.id}/batches/{self.newest}/findings", data=form, **more)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> MonitorStore:
    store = MonitorStore(tmp_path_factory.mktemp("web") / "m.db")
    take_in(store, World(batches=16, rows=150, moved_from=8), slices=("north: state == NSW",))
    agree(store, 8)
    check(store, monitor_of(store), Watch())
    return store


@pytest.fixture
def page(filled: MonitorStore) -> Iterator[Page]:
    with serving(filled) as site:
        yield Page(site, filled, monitor_of(filled))


def test_pages_show_what_is_stored(page: Page) -> None:
    assert page.site.get("/").url.endswith(f"/monitors/{page.monitor.id}")
    overview = page.site.get(f"/monitors/{page.monitor.id}").text
    assert "1 open alert" in overview and "16 batches, 2,400 rows, truth known of 100 %" in overview
    with page.store.read() as connection:
        everything = batches.all_batches(connection, page.monitor)
        [accuracy] = batches.history(connection, page.monitor, ["accuracy"])[everything[-1].id]
    assert f"{accuracy.measure.value:.4g}" in overview
    batch = page.site.get(f"/monitors/{page.monitor.id}/batches/{page.newest}").text
    for words in ("balanced accuracy", "north", "Jensen-Shannon", "✕ yes", "MMD, p ="):
        assert words in batch, words
    signal = page.site.get(f"/monitors/{page.monitor.id}/signal", params={"signal": "feature:a"}).text
    chart = json.loads(re.findall(r'id="chart-cells">(.*?)</script>', signal)[0])
    assert sum(chart["data"][1]["customdata"]) == 150
    assert "Worst rows" in page.site.get(page.errors).text
    assert "Jensen-Shannon" in page.site.get(f"/monitors/{page.monitor.id}/alerts").text


def test_of_several_monitors_each_tells_its_alerts(tmp_path: Path) -> None:
    store = MonitorStore(tmp_path / "m.db")
    take_in(store, World(batches=16, rows=150, moved_from=8))
    with store.write() as connection:
        batches.begin_monitor(connection, "quiet", monitor_of(store).columns, ())
    with serving(store) as site:
        before = site.get("/").text
        agree(store, 8)
        opened = len(check(store, monitor_of(store), Watch()).opened)
        after = site.get("/").text
    assert (before.count("none open"), after.count("none open")) == (2, 1)
    assert f"✕ open</span> {opened}</a>" in after
    assert "day 015" in after and "16" in after


def test_what_is_not_there_is_a_page_and_no_trace(page: Page) -> None:
    for path, status in (
        ("/monitors/99", 404),
        ("/monitors/1/batches/999", 404),
        ("/monitors/x", 400),
        ("/monitors/99999999999999999999", 404),
        ("/monitors/1/batches/99999999999999999999", 404),
        ("/monitors/1/batches/-99999999999999999999", 404),
        ("/monitors/-99999999999999999999/batches/1", 404),
        ("/monitors/1/signal?signal=x&batch=", 400),
        ("/monitors/1/signal?signal=x&batch=-99999999999999999999", 404),
        ("/monitors/1?page=-99999999999999999999", 200),
        ("/monitors/1?page=99999999999999999999", 200),
        ("/nothing", 404),
        ("/monitors/1/signal?signal=nope", 404),
        ("/static/../app.py", 404),
        ("/static/%2e%2e%2fapp.py", 404),
        ("/monitors/1?page=99999", 200),
        ("/monitors/1?metric=nope", 404),
    ):
        answer = page.site.get(path)
        assert answer.status_code == status, path
        assert "Traceback" not in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_every_answer_has_the_headers_that_keep_others_out(page: Page) -> None:
    for path in ("/", "/sign-in", "/metrics", "/static/monitor.js", "/nothing"):
        answer = page.site.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_nobody_writes_without_the_token(page: Page) -> None:
    for path in (page.errors.replace("/errors", "/findings"), f"/monitors/{page.monitor.id}/alerts/1", "/sign-out"):
        assert page.site.post(path, data={"form_secret": "", "verdict": "real"}).status_code == 403
        assert page.site.post(path, data={}, cookies={"drift_session": "made up"}).status_code == 403
    wrong = page.site.post("/sign-in", data={"name": "Eve", "token": TOKEN + "x"})
    assert wrong.status_code == 403 and "set-cookie" not in wrong.headers
    assert page.site.post("/sign-in", data={"name": " ", "token": TOKEN}).status_code == 403
    assert "form_secret" not in page.site.get(page.errors).text
    assert page.findings() == 0


def test_a_page_without_a_token_takes_none(filled: MonitorStore) -> None:
    with serving(filled, token="") as site:
        assert site.post("/sign-in", data={"name": "Eve", "token": ""}).status_code == 403
        assert "read only" in site.get("/").text


def test_guessing_the_token_is_slow_and_keeps_nobody_out(page: Page) -> None:
    for _ in range(10):
        page.site.post("/sign-in", data={"name": "Eve", "token": "guess"})
    assert page.site.post("/sign-in", data={"name": "Eve", "token": "guess"}).status_code == 429
    assert page.site.post("/sign-in", data={"name": "Ada", "token": TOKEN}).status_code == 303


def test_sign_ins_whose_bodies_never_come_keep_nobody_out(page: Page) -> None:
    """Twelve of them once did, from loopback, or from a proxy's address: all have the same."""
    address = urlsplit(page.site.address)
    head = b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    with ExitStack() as stack:
        for _ in range(30):
            half = socket.create_connection((address.hostname, address.port), timeout=10)
            stack.enter_context(half)
            half.sendall(head + b"Content-Length: 60000\r\n\r\nname=a&token=")
        assert requests.get(f"{page.site.address}/sign-in", timeout=60).status_code == 200  # comes after them all
        for _ in range(3):
            assert page.site.post("/sign-in", data={"name": "Ada", "token": TOKEN}).status_code == 303


def test_wrong_tokens_at_the_same_time_keep_nobody_out(page: Page) -> None:
    """Those are answered late, ten at once; a right one is not, whatever the requests say of where they come from."""
    ended, answers = threading.Event(), []

    def guess(number: int) -> None:
        while not ended.is_set():
            headers = {"X-Forwarded-For": f"10.0.0.{number}"}
            with suppress(requests.RequestException):
                answer = Site(page.site.address).post("/sign-in", data={"name": "E", "token": "x"}, headers=headers)
                answers.append(answer.status_code)

    threads = [threading.Thread(target=guess, args=(number,), daemon=True) for number in range(20)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: 429 in answers, what="a guess that is answered late")
        for _ in range(3):
            began = time.monotonic()
            assert page.site.post("/sign-in", data={"name": "Ada", "token": TOKEN}).status_code == 303
            assert time.monotonic() - began < 5
    finally:
        ended.set()
        for thread in threads:
            thread.join(30)
    assert 429 in answers


def test_late_answers_are_counted_by_address() -> None:
    gate = Gate(TOKEN)
    with ExitStack() as stack:
        rooms = [stack.enter_context(gate.attempt("10.0.0.1")) for _ in range(12)]
        assert rooms == [True] * 10 + [False] * 2
        with gate.attempt("10.0.0.2") as room:  # others are not kept out
            assert room
    with gate.attempt("10.0.0.1") as room:
        assert room


READ_TOKEN = "another token of tests"


def test_with_a_token_for_reading_nobody_else_reads(filled: MonitorStore) -> None:
    with serving(filled, token=TOKEN, read_token=READ_TOKEN) as site:
        for path in ("/", "/monitors/1", "/metrics", "/monitors/1/findings.md", "/static/plotly.js", "/nothing"):
            answer = site.get(path, headers={"Accept": "*/*"})
            assert answer.status_code == 401, path
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        browser = site.get("/monitors/1", headers={"Accept": "text/html"})
        assert browser.url.endswith("/sign-in?next=/monitors/1")
        assert site.get("/static/monitor.css").status_code == 200
        for token in (READ_TOKEN, TOKEN):
            assert site.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert site.get("/metrics", headers={"Authorization": f"Basic {READ_TOKEN}"}).status_code == 401
        assert site.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401


def test_who_may_read_may_not_write(filled: MonitorStore) -> None:
    with serving(filled, token=TOKEN, read_token=READ_TOKEN) as site:
        answer = site.post("/sign-in", data={"name": "Ada", "token": READ_TOKEN, "next": "/monitors/1"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/monitors/1")
        shown = site.get("/monitors/1").text
        assert "(reading)" in shown
        secret = re.search(r'name="form_secret" value="([0-9a-f]+)"', shown)
        assert secret is not None
        refused = site.post("/monitors/1/alerts/1", data={"form_secret": secret[1], "change": "close", "why": "x"})
        assert refused.status_code == 403
        assert site.post("/sign-out", data={"form_secret": secret[1]}).status_code == 303
        assert site.get("/monitors/1", headers={"Accept": "*/*"}).status_code == 401


def test_a_page_that_is_read_by_token_and_never_written(filled: MonitorStore) -> None:
    with serving(filled, token="", read_token=READ_TOKEN) as site:
        assert site.post("/sign-in", data={"name": "Ada", "token": ""}).status_code == 403
        assert site.post("/sign-in", data={"name": "Ada", "token": READ_TOKEN}).status_code == 303
        assert site.get("/").status_code == 200


def test_two_pages_of_one_machine_have_cookies_of_their_own(page: Page, filled: MonitorStore) -> None:
    with serving(filled) as other:
        names = [
            site.post("/sign-in", data={"name": "Ada", "token": TOKEN}).headers["set-cookie"].partition("=")[0]
            for site in (page.site, other)
        ]
    assert len(set(names)) == 2
    assert all(
        name == f"drift_session_{site.address.rpartition(':')[2]}"
        for name, site in zip(names, (page.site, other), strict=True)
    )


def test_a_fault_of_ours_is_a_page_with_the_headers(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drift.monitor.web.pages.exposition", lambda store: 1 / 0)
    answer = page.site.get("/metrics")
    assert answer.status_code == 500
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "division" not in answer.text


@pytest.mark.parametrize("name", ["a" * 300 + ".css", "..%2Fapp.py", "monitor.css%00", "templates", "MONITOR.CSS"])
def test_static_files_are_the_three_there_are(page: Page, name: str) -> None:
    """A long name was once asked of the file system, which failed: 4.6 kB of trace for each request."""
    assert page.site.get(f"/static/{name}").status_code == 404
    assert page.site.get("/static/monitor.css").headers["content-type"].startswith("text/css")


def test_faults_and_hang_ups_fill_no_log(
    page: Page, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("drift.monitor.web.app")
    unrepeated = Unrepeated()
    logger.addFilter(unrepeated)
    address = urlsplit(page.site.address)
    head = b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    try:
        with caplog.at_level(logging.ERROR):
            for _ in range(30):
                with socket.create_connection((address.hostname, address.port), timeout=10) as half:
                    half.sendall(head + b"Content-Length: 60000\r\n\r\nname=a&token=")
            assert requests.get(f"{page.site.address}/sign-in", timeout=60).status_code == 200  # comes after them all
            assert caplog.records == []

            def fails(store: MonitorStore) -> Any:
                raise ValueError("x" * 100_000)

            monkeypatch.setattr("drift.monitor.web.pages.exposition", fails)
            for _ in range(20):
                assert page.site.get("/metrics").status_code == 500
    finally:
        logger.removeFilter(unrepeated)
    assert len([record for record in caplog.records if record.name == logger.name]) == 1
    assert len(caplog.records[0].exc_text or "") < 10_000


def test_a_session_is_of_the_user_who_began_it() -> None:
    """A cookie is sent to every port of its host, so other users of this machine can come by it."""
    gate = Gate(TOKEN, READ_TOKEN)
    for user in (1000, None):
        session = gate.enter(TOKEN, "Ada", user)
        assert session is not None
        assert gate.session(session.number, user) is session
        assert gate.reads(session.number, "", user)
        for other in {1000, 48_213, CLOSED, 0, None} - {user}:
            assert gate.session(session.number, other) is None
            assert not gate.reads(session.number, "", other)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_other_sites_load_nothing(page: Page, site: str) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    for path in ("/static/monitor.css", "/", page.errors):
        answer = page.site.get(path, headers=headers)
        assert answer.status_code == 403
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    linked = page.site.get("/", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"})
    assert linked.status_code == 200
    assert page.site.get("/static/monitor.css", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_readers_are_not_told_where_the_store_is(
    page: Page, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(store: MonitorStore) -> Any:
        raise StateError("the monitor's store secret%20place.db cannot be read: it is away")

    monkeypatch.setattr("drift.monitor.web.pages.exposition", away)
    answer = page.site.get("/metrics")
    assert answer.status_code == 503
    assert "secret" not in answer.text
    assert "secret%20place.db" in caplog.text


def test_an_answer_is_whole_however_large(page: Page) -> None:
    answer = page.site.get("/static/plotly.js")
    assert len(answer.content) == int(answer.headers["content-length"]) > 1_000_000
    assert answer.content.decode() == plotly_library()


def test_the_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(page: Page) -> None:
    answer = page.site.post("/sign-in", data={"name": "Ada", "token": TOKEN})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert TOKEN not in cookie


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json"},
    ],
)
def test_forms_of_other_sites_write_nothing(page: Page, headers: dict[str, str]) -> None:
    secret = page.site.sign_in()
    assert page.write(secret, headers=headers).status_code in (403, 415)
    assert page.findings() == 0


def test_a_form_of_another_session_writes_nothing(page: Page) -> None:
    secret = page.site.sign_in()
    other = Site(page.site.address).sign_in("Eve")
    assert other != secret
    for given in (other, "", "x" * 64):
        assert page.write(given).status_code == 403
    assert page.findings() == 0


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil:80", "["]
    + [
        f"localhost{rest}"
        for rest in ("/sign-in?", "/sign-in#", ":abc", ":999999", "@evil", ":80/static/monitor.css?", "\\x")
    ],
)
def test_other_names_that_lead_here_are_refused(page: Page, host: str) -> None:
    assert page.site.get("/", headers={"Host": host}).status_code in (400, 421)


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(page: Page, target: str) -> None:
    answer = page.site.post("/sign-in", data={"name": "Ada", "token": TOKEN, "next": target})
    assert answer.headers["location"] == "/"


def test_what_came_since_a_page_was_made_is_shown(tmp_path: Path) -> None:
    """A page that was asked for while batches were being measured does not stay as it was."""
    store = MonitorStore(tmp_path / "m.db")
    take_in(store, World(batches=8, rows=100))
    agree(store, 6)
    with serving(store) as site:
        assert "chart-drift" not in site.get("/monitors/1").text
        check(store, monitor_of(store), Watch())
        assert "chart-drift" in site.get("/monitors/1").text


def test_too_much_is_refused(page: Page) -> None:
    page.site.sign_in()
    assert page.site.post("/sign-in", data={f"f{at}": "" for at in range(60)}).status_code == 400
    assert page.site.post("/sign-out", data="x" * 100_000).status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 1_000

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert page.site.post("/sign-out", data=endless(), headers=headers).status_code == 413


def test_who_has_the_token_writes_and_it_is_found_again(tmp_path: Path) -> None:
    store = MonitorStore(tmp_path / "m.db")
    take_in(store, World(batches=10, rows=150))
    agree(store, 5)
    with serving(store) as site:
        page = Page(site, store, monitor_of(store))
        secret = site.sign_in("Ada\nLovelace")
        answer = page.write(secret, headers={"Accept": "application/json"})
        assert answer.json() == {"by": "Ada Lovelace", "verdict": "real"}
        assert page.write(secret).status_code == 303
        assert page.findings() == 1  # about the same row: the later one
        assert "a holiday" in site.get(page.errors).text
        text = site.get(f"/monitors/{page.monitor.id}/findings.md").text
        assert "reason: a holiday" in text and "tags: x, y" in text
        findings = site.get(f"/monitors/{page.monitor.id}/findings", params={"tag": "x"}).text
        assert "a holiday" in findings
        wrong = site.post(
            f"/monitors/{page.monitor.id}/batches/{page.newest}/findings",
            data={"form_secret": secret, "key": "not shown", "verdict": "anomaly"},
        )
        assert wrong.status_code == 404
        assert site.post("/sign-out", data={"form_secret": secret}).status_code == 303
        assert page.write(secret).status_code == 403


def test_an_alert_is_acknowledged_and_closed_with_a_reason(tmp_path: Path) -> None:
    store = MonitorStore(tmp_path / "m.db")
    take_in(store, World(batches=16, rows=150, moved_from=8))
    agree(store, 8)
    [opened] = check(store, monitor_of(store), Watch()).opened
    with serving(store) as site:
        secret = site.sign_in()
        path = f"/monitors/1/alerts/{opened.id}"

        def change(what: str, why: str) -> int:
            return site.post(path, data={"form_secret": secret, "change": what, "why": why}).status_code

        assert (change("acknowledge", " "), change("delete", "why not")) == (400, 400)
        assert change("acknowledge", "on it") == 303
        assert "on it" in site.get("/monitors/1/alerts").text
        assert (change("close", "mended"), change("close", "again")) == (303, 400)
    with store.read() as connection:
        found = alerts.find_alert(connection, monitor_of(store), opened.id)
    assert found is not None
    assert (found.state, found.acknowledged_by, found.closed_why) == ("closed", "Ada", "mended")


def hostile_store(path: Path) -> MonitorStore:
    """Every name and text that others choose is hostile."""
    store = MonitorStore(path)
    columns = Columns("prediction", truth="truth", key="key", time="at", batch="day", version="model", probability="p")
    frames = []
    for at, frame in enumerate(World(batches=14, rows=120, moved_from=7, wrong_from=7)):
        frame = frame.rename(columns={"a": HOSTILE, "state": f"state {HOSTILE}", "id": "key"})  # noqa: PLW2901
        for name in ("prediction", "truth", f"state {HOSTILE}", "model"):
            frame[name] = frame[name].astype(str) + HOSTILE
        frame["day"] = f"{at:02d}{HOSTILE}"
        frame["key"] = [f"{at}-{row}{HOSTILE}" for row in range(len(frame))]
        frames.append(frame)
    slices = (f"{HOSTILE.replace(':', '')}: b > 0",)
    ingest(
        store,
        HOSTILE,
        frames,
        source=HOSTILE,
        columns=columns,
        batching=Batching(column="day"),
        ordered=True,
        slices=slices,
    )
    from drift.monitor.pipeline.reference import make_reference
    from drift.monitor.sources.rows import joined
    from drift.monitor.store import references

    with store.write() as connection:
        [monitor] = batches.all_monitors(connection)
        chosen = batches.all_batches(connection, monitor)[:7]
        rows = joined([rows for batch in chosen for _, rows in batches.rows_of(connection, batch.id)])
        references.add_reference(connection, monitor, make_reference(rows, chosen=HOSTILE, by=HOSTILE, why=HOSTILE))
    check(store, monitor, Watch())
    return store


def test_hostile_text_in_every_field_is_shown_and_inert(tmp_path: Path) -> None:
    store = hostile_store(tmp_path / "m.db")
    with serving(store) as site:
        with store.read() as connection:
            [monitor] = batches.all_monitors(connection)
            newest = batches.all_batches(connection, monitor)[-1]
        secret = site.sign_in(HOSTILE)
        root = f"/monitors/{monitor.id}"
        errors = site.get(f"{root}/batches/{newest.id}/errors").text
        keys = [html.unescape(key) for key in re.findall(r'name="key" value="([^"]+)"', errors)]
        assert HOSTILE in keys[0]
        form = {
            "form_secret": secret,
            "key": keys[0],
            "verdict": "real",
            "reason": HOSTILE,
            "note": HOSTILE,
            "tags": HOSTILE,
        }
        assert site.post(f"{root}/batches/{newest.id}/findings", data=form).status_code == 303
        numbers = re.findall(r'id="(\d+)" aria', site.get(f"{root}/alerts").text)
        assert numbers
        for number in numbers:
            change = {"form_secret": secret, "change": "acknowledge", "why": HOSTILE}
            assert site.post(f"{root}/alerts/{number}", data=change).status_code == 303
        paths = [
            root,
            f"{root}/batches/{newest.id}",
            f"{root}/batches/{newest.id}/errors",
            f"{root}/alerts",
            f"{root}/findings",
        ]
        pages = [site.get(path).text for path in paths]
        pages.append(site.get(f"{root}/signal", params={"signal": f"feature:{HOSTILE}"}).text)
        pages.append(site.get(f"{root}/findings", params={"tag": HOSTILE}).text)
        with store.write() as connection:
            batches.begin_monitor(connection, f"another {HOSTILE}", monitor.columns, ())
        pages.append(site.get("/").text)
        assert pages[-1].count("&lt;script&gt;alert(1)") >= 3  # both names, and the newest batch
        pages.append(write_monitor_report(store, monitor, tmp_path / "r.html").read_text())
        for text in pages:
            assert_inert(text)
        assert "&lt;script&gt;alert(1)" in pages[0]
        markdown = site.get(f"{root}/findings.md").text
        assert "<script" not in markdown and "<img" not in markdown
        assert "filename*" in site.get(f"{root}/findings.md").headers["content-disposition"]


def assert_inert(text: str) -> None:
    """No element or attribute of a hostile text has come to be, and no template was run in it."""
    from html.parser import HTMLParser

    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            handlers = [name for name, _ in attrs if name.startswith("on")]
            if tag == "img" or handlers:
                found.append(f"{tag} {handlers}")
            if tag == "script" and not {"src", "type"} & {name for name, _ in attrs}:
                found.append("script")

        def handle_data(self, data: str) -> None:
            if data.strip() == "alert(1)":
                found.append(data)

    Reader().feed(text)
    assert [one for one in found if one != "script"] == []
    assert found.count("script") <= 2  # the report's own: Plotly, and its page's script
    for block in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL):
        json.loads(block)
        assert "<" not in block


def test_the_report_is_small_asks_nobody_and_holds_no_row(tmp_path: Path) -> None:
    store = MonitorStore(tmp_path / "m.db")
    rng = np.random.default_rng(0)
    frames = []
    for frame in World(batches=6, rows=150):
        frame["id"] = [f"customer-{number}" for number in rng.integers(10**9, size=len(frame))]
        frames.append(frame)
    take_in(store, frames)
    agree(store, 5)
    path = write_monitor_report(store, monitor_of(store), tmp_path / "r.html")
    text = path.read_text()
    assert "customer-" not in text
    assert path.stat().st_size < 6_000_000
    outside = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)="(?!data:,|#)', outside)
