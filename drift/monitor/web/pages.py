"""The pages and what people may do on them: a method for each address. What is shown is read by `views`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from drift import __version__
from drift.errors import DriftError
from drift.monitor.alerts.check import acknowledge, close
from drift.monitor.analysis.annotations import as_markdown, finding_of
from drift.monitor.drift.signals import display_name
from drift.monitor.prometheus import exposition
from drift.monitor.store import MonitorStore, alerts, batches
from drift.monitor.store.records import Batch, Finding, MonitorRecord
from drift.monitor.web import security
from drift.monitor.web.sections import SECTIONS
from drift.monitor.web.sections.protocol import Section
from drift.monitor.web.views import Views
from drift.monitor.web.wording import templates

LONGEST_NAME, LONGEST_NOTE = 100, 4_000
MOST_NUMBER = 2**31 - 1  # that a database's integers hold


class MonitorPages:
    """Answers requests."""

    def __init__(self, store: MonitorStore, gate: security.Gate, *, secure: bool) -> None:
        self._store, self._gate, self._secure = store, gate, secure
        self._views = Views(store)
        self._templates = templates()

    def home(self, request: Request) -> Response:
        """All monitors; if there is but one, its overview."""
        monitors = self._views.monitors()
        if len(monitors) == 1:
            return RedirectResponse(f"/monitors/{monitors[0].id}", 303)
        return self._page("home", request, monitors=self._views.home())

    def overview(self, request: Request, monitor: int, metric: str = "", page: int = 1) -> Response:
        """A monitor's batches over time."""
        record = self._monitor(monitor)
        try:
            shown = self._views.overview(record, metric=metric, page=page)
        except LookupError as error:
            raise HTTPException(404, str(error.args[0])) from error
        return self._page("overview", request, monitor=record, shown=shown)

    def batch(self, request: Request, monitor: int, batch: int) -> Response:
        """One batch."""
        record, stored = self._batch(monitor, batch)
        return self._page("batch", request, monitor=record, **self._views.batch(record, stored))

    def errors(self, request: Request, monitor: int, batch: int) -> Response:
        """The worst rows of a batch, and what people make of them."""
        record, stored = self._batch(monitor, batch)
        return self._page("errors", request, monitor=record, **self._views.errors.worst(record, stored))

    def signal(self, request: Request, monitor: int, signal: str, batch: int = 0) -> Response:
        """One feature, over batches and against the reference."""
        record, signal = self._monitor(monitor), signal.replace("\0", "")
        chosen = self._batch(monitor, batch)[1] if batch else None
        shown = self._views.signal(record, signal, chosen)
        if shown is None:
            raise HTTPException(
                404, f"no distances of {display_name(signal)!r}: agree on a reference first, or look at its name"
            )
        return self._page("signal", request, monitor=record, **shown)

    def section(self, section: Section) -> Callable[[Request, int], Response]:
        """A page of the navigation."""

        def answer(request: Request, monitor: int) -> Response:
            record = self._monitor(monitor)
            shown = section.show(self._store, record, request.query_params)
            return self._page(section.name, request, monitor=record, **shown)

        return answer

    def findings_markdown(self, monitor: int) -> Response:
        """The findings as Markdown."""
        record = self._monitor(monitor)
        with self._store.read() as connection:
            text = as_markdown(record, alerts.all_findings(connection, record))
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(record.name)}-findings.md"}
        return PlainTextResponse(text, media_type="text/markdown; charset=utf-8", headers=headers)

    def metrics(self) -> Response:
        """The newest state for Prometheus."""
        return PlainTextResponse(exposition(self._store), media_type="text/plain; version=0.0.4; charset=utf-8")

    def sign_in(self, request: Request) -> Response:
        """The form that asks for the token."""
        return self._page("sign_in", request, wrong=False)

    async def signed_in(self, request: Request) -> Response:
        """Begin a session."""
        if not security.same_site(request.headers):
            raise HTTPException(403, "this form did not come from a page of ours")
        form = await security.read_form(request)
        name = " ".join(form.get("name", "").split())[:LONGEST_NAME]
        session = self._gate.enter(form.get("token", ""), name, security.user_of(request)) if name else None
        if session is None and self._gate.blocked:  # a right token waits for nobody, and is kept out by nobody
            with self._gate.attempt(request.client.host if request.client else "") as admitted:
                if admitted:
                    await asyncio.sleep(security.LATE_SECONDS)
            raise HTTPException(429, "too many wrong tokens lately: look at the token again")
        if session is None:
            return self._page("sign_in", request, wrong=True, status=403)
        response = RedirectResponse(security.local_path(form.get("next", "/")), 303)
        response.set_cookie(
            security.cookie_name(request), session.number, max_age=int(security.SESSION_SECONDS), httponly=True,
            samesite="strict", secure=self._secure,
        )  # fmt: skip
        return response

    async def sign_out(self, request: Request) -> Response:
        """End a session."""
        self._gate.leave((await self._signed_in(request))[0])
        response = RedirectResponse("/", 303)
        response.delete_cookie(security.cookie_name(request))
        return response

    async def add_finding(self, request: Request, monitor: int, batch: int) -> Response:
        """Remember what a person made of a row."""
        session, form = await self._writing(request)

        def add() -> tuple[str, Finding]:
            record, stored = self._batch(monitor, batch)
            row = self._views.errors.worst_row(record, stored, form.get("key", ""))
            if row is None:
                raise HTTPException(404, "expected the key of a row on this page")
            try:
                finding = finding_of(stored, row, form, by=session.name)
            except DriftError as error:
                raise HTTPException(400, str(error)) from error
            with self._store.write() as connection:
                alerts.set_finding(connection, record, finding)
            return f"/monitors/{record.id}/batches/{stored.id}/errors", finding

        page, finding = await run_in_threadpool(add)
        if request.headers.get("accept") == "application/json":
            return Response(json.dumps({"by": finding.by, "verdict": finding.verdict}), media_type="application/json")
        return RedirectResponse(page, 303)

    async def change_alert(self, request: Request, monitor: int, alert: int) -> Response:
        """Acknowledge or close an alert."""
        session, form = await self._writing(request)
        why = form.get("why", "").strip()[:LONGEST_NOTE]
        change = {"acknowledge": acknowledge, "close": close}.get(form.get("change", ""))

        def changed() -> str:
            record, stored = self._monitor(monitor), None
            if 0 < alert <= MOST_NUMBER:
                with self._store.read() as connection:
                    stored = alerts.find_alert(connection, record, alert)
            if stored is None or stored.state == "closed" or change is None or not why:
                raise HTTPException(
                    400, "expected an alert that is not closed, whether to acknowledge or to close it, and why"
                )
            change(self._store, record, stored, by=session.name, why=why)
            return f"/monitors/{record.id}/alerts"

        return RedirectResponse(await run_in_threadpool(changed), 303)

    def problem(self, text: str, status: int) -> Response:
        """A page that says what is wrong."""
        return self._page("problem", None, text=text, status=status)

    async def _writing(self, request: Request) -> tuple[security.Session, Mapping[str, str]]:
        """Who writes, and what; refused unless all of it is ours."""
        session, form = await self._signed_in(request)
        if not session.writes:
            raise HTTPException(403, "writing needs the token for writing: sign in with that")
        return session, form

    async def _signed_in(self, request: Request) -> tuple[security.Session, Mapping[str, str]]:
        """The session of a form of ours, and the form."""
        if not security.same_site(request.headers):
            raise HTTPException(403, "this form did not come from a page of ours")
        session = self._reader(request)
        if session is None:
            raise HTTPException(403, "writing needs the token: sign in first")
        form = await security.read_form(request)
        if not self._gate.of_our_form(session, form.get("form_secret", "")):
            raise HTTPException(403, "this form is not of your session: open the page again")
        return session, form

    def _reader(self, request: Request) -> security.Session | None:
        return self._gate.session(security.session_cookie(request), security.user_of(request))

    def _monitor(self, number: int) -> MonitorRecord:
        record = next((record for record in self._views.monitors() if record.id == number), None)
        if record is None:
            raise HTTPException(404, "there is no such monitor")
        return record

    def _batch(self, monitor: int, number: int) -> tuple[MonitorRecord, Batch]:
        record = self._monitor(monitor)
        batch = None
        if 0 < number <= MOST_NUMBER:
            with self._store.read() as connection:
                batch = batches.find_batch(connection, record, id=number)
        if batch is None:
            raise HTTPException(404, "there is no such batch")
        return record, batch

    def _page(self, name: str, request: Request | None, *, status: int = 200, **shown: Any) -> Response:
        reader = self._reader(request) if request is not None else None
        html = self._templates.get_template(f"{name}.html.j2").render(
            **{"monitor": None} | shown,
            page_name=name,
            sections=SECTIONS.values(),
            session=reader if reader is not None and reader.writes else None,
            reader=reader,
            writable=self._gate.writable,
            takes_tokens=self._gate.takes_tokens,
            here=request.scope["path"] if request is not None else "/",
            version=__version__,
        )
        return HTMLResponse(html, status)
