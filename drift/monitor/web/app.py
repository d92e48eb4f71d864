"""The pages' addresses: requests in, pages out. What they show is in `views`, who may write in `security`."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect

from drift import __version__
from drift.errors import DriftError
from drift.monitor.alerts import check
from drift.monitor.analysis.annotations import as_markdown, finding_of
from drift.monitor.drift.signals import told
from drift.monitor.prometheus import exposition
from drift.monitor.store import MonitorStore, alerts, batches
from drift.monitor.store.records import Batch, MonitorRecord
from drift.monitor.web.security import (
    COOKIE,
    HEADERS,
    LATE_SECONDS,
    SESSION_SECONDS,
    Gate,
    Session,
    foreign_load,
    known_host,
    port_of,
    same_site,
)
from drift.monitor.web.views import Views
from drift.monitor.web.wording import FILTERS
from drift.report.page import environment, plotly_library
from drift.system.socket_owner import user_of_client

MOST_BYTES = 64_000  # of a form
LONGEST_NAME, LONGEST_NOTE = 100, 4_000
MOST_NUMBER = 2**31 - 1  # that a database's integers hold
STATIC = Path(__file__).parent / "static"
STATIC_KINDS = {"monitor.css": "text/css", "monitor.js": "text/javascript"}
USER = "drift.user"  # of a request's scope
PIECE = 65_536  # bytes of an answer that are handed over before the client has read what came before them

logger = logging.getLogger(__name__)


def create_app(store: MonitorStore, gate: Gate, *, hosts: frozenset[str], secure: bool = False) -> FastAPI:
    """The web application.

    Args:
        store: what it shows.
        gate: who may write.
        hosts: names that this server goes by; requests to others are refused.
        secure: whether browsers reach it by https, so that cookies are sent by that alone.
    """
    app = FastAPI(title="drift monitor", docs_url=None, redoc_url=None, openapi_url=None)
    pages = MonitorPages(store, gate, secure=secure)

    @app.middleware("http")
    async def guarded(request: Request, following: Callable[[Request], Awaitable[Response]]) -> Response:
        if not known_host(request.headers.get("host", ""), hosts):
            response: Response = PlainTextResponse("this server does not go by that name", 421)
        elif not request.headers.get("content-length", "0").isdecimal():
            response = PlainTextResponse("expected a number of bytes", 400)
        elif int(request.headers.get("content-length", "0")) > MOST_BYTES:
            response = PlainTextResponse("too large", 413)
        elif foreign_load(request.headers):
            response = PlainTextResponse("pages of other sites may not load this", 403)
        elif not _may_read(request, gate):
            response = _ask_for_token(request)
        else:
            try:
                response = await following(request)
                if isinstance(parts := getattr(response, "body_iterator", None), AsyncIterable):
                    response.body_iterator = _pieces(parts)  # type: ignore[attr-defined]
            except ClientDisconnect:  # nobody is there to be answered
                response = Response(status_code=400)
            except Exception:
                logger.exception("a page could not be made")
                response = pages.problem("this page could not be made; the log of the page says why", 500)
        for name, value in HEADERS.items():
            response.headers[name] = value
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @app.exception_handler(DriftError)
    async def refused(request: Request, error: DriftError) -> Response:
        logger.warning("%s", error)  # a reader of pages need not know where the store is
        return pages.problem("the monitor's store cannot be read; the log of the page says why", 503)

    @app.exception_handler(StarletteHTTPException)
    async def missing(request: Request, error: StarletteHTTPException) -> Response:
        return pages.problem(str(error.detail), error.status_code)

    @app.exception_handler(RequestValidationError)
    async def unclear(request: Request, error: RequestValidationError) -> Response:
        wrong = error.errors()[0]
        return pages.problem(f"expected another {wrong['loc'][-1]}: {wrong['msg']}", 400)

    get, post = app.get, app.post
    get("/")(pages.home)
    get("/monitors/{monitor}")(pages.overview)
    get("/monitors/{monitor}/batches/{batch}")(pages.batch)
    get("/monitors/{monitor}/batches/{batch}/errors")(pages.errors)
    get("/monitors/{monitor}/signal")(pages.signal)
    get("/monitors/{monitor}/alerts")(pages.alerts)
    get("/monitors/{monitor}/findings")(pages.findings)
    get("/monitors/{monitor}/findings.md")(pages.findings_markdown)
    get("/sign-in")(pages.sign_in)
    post("/sign-in")(pages.signed_in)
    post("/sign-out")(pages.sign_out)
    post("/monitors/{monitor}/batches/{batch}/findings")(pages.add_finding)
    post("/monitors/{monitor}/alerts/{alert}")(pages.change_alert)
    get("/metrics")(pages.metrics)
    get("/static/{name}")(static)
    return app


class MonitorPages:
    """Answers requests."""

    def __init__(self, store: MonitorStore, gate: Gate, *, secure: bool) -> None:
        self._store, self._gate, self._secure = store, gate, secure
        self._views = Views(store)
        self._templates = environment("monitor/web/templates")
        self._templates.filters |= FILTERS

    def home(self, request: Request) -> Response:
        """All monitors; if there is but one, its overview."""
        found = self._views.monitors()
        if len(found) == 1:
            return RedirectResponse(f"/monitors/{found[0].id}", 303)
        return self._page("home", request, monitors=self._views.home())

    def overview(self, request: Request, monitor: int, metric: str = "", page: int = 1) -> Response:
        """A monitor's batches over time."""
        found = self._monitor(monitor)
        try:
            shown = self._views.overview(found, metric=metric, page=page)
        except LookupError as error:
            raise HTTPException(404, str(error.args[0])) from error
        return self._page("overview", request, monitor=found, shown=shown)

    def batch(self, request: Request, monitor: int, batch: int) -> Response:
        """One batch."""
        found, one = self._batch(monitor, batch)
        return self._page("batch", request, monitor=found, **self._views.batch(found, one))

    def errors(self, request: Request, monitor: int, batch: int) -> Response:
        """The worst rows of a batch, and what people make of them."""
        found, one = self._batch(monitor, batch)
        return self._page("errors", request, monitor=found, **self._views.errors.worst(found, one))

    def signal(self, request: Request, monitor: int, signal: str, batch: int = 0) -> Response:
        """One feature, over batches and against the reference."""
        found, signal = self._monitor(monitor), signal.replace("\0", "")
        chosen = self._batch(monitor, batch)[1] if batch else None
        shown = self._views.signal(found, signal, chosen)
        if shown is None:
            raise HTTPException(
                404, f"no distances of {told(signal)!r}: agree on a reference first, or look at its name"
            )
        return self._page("signal", request, monitor=found, **shown)

    def alerts(self, request: Request, monitor: int) -> Response:
        """All alerts."""
        found = self._monitor(monitor)
        with self._store.read() as connection:
            rows = alerts.all_alerts(connection, found)
            numbers = {batch.name: batch.id for batch in batches.all_batches(connection, found)}
        return self._page("alerts", request, monitor=found, alerts=rows, numbers=numbers)

    def findings(self, request: Request, monitor: int, verdict: str = "", tag: str = "") -> Response:
        """What people found out."""
        found = self._monitor(monitor)
        rows = self._views.errors.findings(found, verdict=verdict, tag=tag)
        return self._page("findings", request, monitor=found, findings=rows, verdict=verdict, tag=tag)

    def findings_markdown(self, monitor: int) -> Response:
        """The same as Markdown."""
        found = self._monitor(monitor)
        text = as_markdown(found, self._views.errors.findings(found))
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name)}-findings.md"}
        return PlainTextResponse(text, media_type="text/markdown; charset=utf-8", headers=headers)

    def metrics(self) -> Response:
        """The newest state for Prometheus."""
        return PlainTextResponse(exposition(self._store), media_type="text/plain; version=0.0.4; charset=utf-8")

    def sign_in(self, request: Request) -> Response:
        """The form that asks for the token."""
        return self._page("sign_in", request, wrong=False)

    async def signed_in(self, request: Request) -> Response:
        """Begin a session."""
        if not same_site(request.headers):
            raise HTTPException(403, "this form did not come from a page of ours")
        form = await _form(request)
        name = " ".join(form.get("name", "").split())[:LONGEST_NAME]
        session = self._gate.enter(form.get("token", ""), name, _user(request)) if name else None
        if session is None and self._gate.blocked:  # a right token waits for nobody, and is kept out by nobody
            with self._gate.attempt(request.client.host if request.client else "") as room:
                if room:
                    await asyncio.sleep(LATE_SECONDS)
            raise HTTPException(429, "too many wrong tokens lately: look at the token again")
        if session is None:
            return self._page("sign_in", request, wrong=True, status=403)
        response = RedirectResponse(_own_path(form.get("next", "/")), 303)
        response.set_cookie(
            _cookie_name(request), session.number, max_age=int(SESSION_SECONDS), httponly=True, samesite="strict",
            secure=self._secure,
        )  # fmt: skip
        return response

    async def sign_out(self, request: Request) -> Response:
        """End a session."""
        self._gate.leave((await self._signed_in(request))[0])
        response = RedirectResponse("/", 303)
        response.delete_cookie(_cookie_name(request))
        return response

    async def add_finding(self, request: Request, monitor: int, batch: int) -> Response:
        """Remember what a person made of a row."""
        session, form = await self._writing(request)
        found, one = await run_in_threadpool(self._batch, monitor, batch)
        row = await run_in_threadpool(self._views.errors.worst_row, found, one, form.get("key", ""))
        if row is None:
            raise HTTPException(404, "expected the key of a row on this page")
        try:
            finding = finding_of(one, row, form, by=session.name)
        except DriftError as error:
            raise HTTPException(400, str(error)) from error

        def keep() -> None:
            with self._store.write() as connection:
                alerts.set_finding(connection, found, finding)

        await run_in_threadpool(keep)
        if request.headers.get("accept") == "application/json":
            return Response(json.dumps({"by": finding.by, "verdict": finding.verdict}), media_type="application/json")
        return RedirectResponse(f"/monitors/{found.id}/batches/{one.id}/errors", 303)

    async def change_alert(self, request: Request, monitor: int, alert: int) -> Response:
        """Acknowledge or close an alert."""
        session, form = await self._writing(request)
        found = await run_in_threadpool(self._monitor, monitor)
        why = form.get("why", "").strip()[:LONGEST_NOTE]
        change = {"acknowledge": check.acknowledge, "close": check.close}.get(form.get("change", ""))

        def changed() -> str:
            there = None
            if 0 < alert <= MOST_NUMBER:
                with self._store.read() as connection:
                    there = alerts.find_alert(connection, found, alert)
            if there is None or there.state == "closed" or change is None or not why:
                return "expected an alert that is not closed, whether to acknowledge or to close it, and why"
            change(self._store, found, there, by=session.name, why=why)
            return ""

        problem = await run_in_threadpool(changed)
        if problem:
            raise HTTPException(400, problem)
        return RedirectResponse(f"/monitors/{found.id}/alerts", 303)

    def problem(self, text: str, status: int) -> Response:
        """A page that says what is wrong."""
        return self._page("problem", None, text=text, status=status)

    async def _writing(self, request: Request) -> tuple[Session, Mapping[str, str]]:
        """Who writes, and what; refused unless all of it is ours."""
        session, form = await self._signed_in(request)
        if not session.writes:
            raise HTTPException(403, "writing needs the token for writing: sign in with that")
        return session, form

    async def _signed_in(self, request: Request) -> tuple[Session, Mapping[str, str]]:
        """The session of a form of ours, and the form."""
        if not same_site(request.headers):
            raise HTTPException(403, "this form did not come from a page of ours")
        session = self._gate.session(_cookie(request), _user(request))
        if session is None:
            raise HTTPException(403, "writing needs the token: sign in first")
        form = await _form(request)
        if not self._gate.of_our_form(session, form.get("form_secret", "")):
            raise HTTPException(403, "this form is not of your session: open the page again")
        return session, form

    def _monitor(self, number: int) -> MonitorRecord:
        found = next((one for one in self._views.monitors() if one.id == number), None)
        if found is None:
            raise HTTPException(404, "there is no such monitor")
        return found

    def _batch(self, monitor: int, number: int) -> tuple[MonitorRecord, Batch]:
        found = self._monitor(monitor)
        batch = None
        if 0 < number <= MOST_NUMBER:
            with self._store.read() as connection:
                batch = batches.find_batch(connection, found, id=number)
        if batch is None:
            raise HTTPException(404, "there is no such batch")
        return found, batch

    def _page(self, name: str, request: Request | None, *, status: int = 200, **shown: Any) -> Response:
        reader = self._gate.session(_cookie(request), _user(request)) if request is not None else None
        html = self._templates.get_template(f"{name}.html.j2").render(
            **{"monitor": None} | shown,
            page_name=name,
            session=reader if reader is not None and reader.writes else None,
            reader=reader,
            writable=self._gate.writable,
            takes_tokens=self._gate.takes_tokens,
            here=request.scope["path"] if request is not None else "/",
            version=__version__,
        )
        return HTMLResponse(html, status)


def _cookie_name(request: Request) -> str:
    """The cookie of this page: two pages of one machine differ by their ports alone, which cookies do not go by."""
    return f"{COOKIE}_{port_of(request.headers.get('host', ''))}"


def _cookie(request: Request) -> str | None:
    return request.cookies.get(_cookie_name(request))


def _user(request: Request) -> int | None:
    """The user of this machine whose process asks, looked up once for each request."""
    if USER not in request.scope:
        client, server = request.scope.get("client"), request.scope.get("server")
        user_id = None
        if client is not None and server is not None and server[1] is not None:
            user_id = user_of_client((client[0], client[1]), (server[0], server[1]))
        request.scope[USER] = user_id
    user: int | None = request.scope[USER]
    return user


def _may_read(request: Request, gate: Gate) -> bool:
    """Whether a request is answered: the page where one signs in is for everybody, and so is what it needs."""
    # The path alone: the address of a request is partly what its header Host says.
    if request.scope["path"] in ("/sign-in", "/static/monitor.css", "/static/monitor.js"):
        return True
    return gate.reads(_cookie(request), request.headers.get("authorization", ""), _user(request))


def _ask_for_token(request: Request) -> Response:
    """Send a browser to the form, and others away."""
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/sign-in?next={quote(request.scope['path'])}", 303)
    return PlainTextResponse("reading needs the token", 401, headers={"WWW-Authenticate": "Bearer"})


def static(name: str) -> Response:
    """Style, script, and Plotly, which browsers may keep."""
    headers = {"Cache-Control": "public, max-age=86400"}
    if name == "plotly.js":
        return Response(_plotly(), media_type="text/javascript", headers=headers)
    if name not in STATIC_KINDS:
        raise HTTPException(404, "there is no such file")
    headers["Cache-Control"] = "no-cache"
    return Response((STATIC / name).read_text(), media_type=STATIC_KINDS[name], headers=headers)


@lru_cache(maxsize=1)
def _plotly() -> bytes:
    return plotly_library().encode()


async def _pieces(parts: AsyncIterable[Any]) -> AsyncIterator[bytes]:
    """A long answer in pieces: the server holds what a client has not read, which is then one piece for each."""
    async for part in parts:
        content = memoryview(part.encode() if isinstance(part, str) else part)
        for start in range(0, len(content), PIECE):
            yield bytes(content[start : start + PIECE])


def _own_path(path: str) -> str:
    """A path of this server, never another address."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


async def _form(request: Request) -> Mapping[str, str]:
    """The fields of a form, each with its last value, without what no text holds."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise HTTPException(415, "expected a form")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413, "too large")
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50)
    except ValueError as error:
        raise HTTPException(400, "expected a form of at most 50 fields") from error
    return {name: values[-1].replace("\0", "\ufffd") for name, values in fields.items()}
