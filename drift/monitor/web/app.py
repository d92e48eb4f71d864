"""The web application: addresses of the pages, what every request has to pass, and static files."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect

from drift.errors import DriftError
from drift.monitor.store import MonitorStore
from drift.monitor.web.pages import MonitorPages
from drift.monitor.web.sections import SECTIONS
from drift.monitor.web.security import HEADERS, MOST_BYTES, Gate, foreign_load, known_host, session_cookie, user_of
from drift.report.page import plotly_library

STATIC = Path(__file__).parent / "static"
STATIC_KINDS = {"monitor.css": "text/css", "monitor.js": "text/javascript"}
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
    for section in SECTIONS.values():
        get(f"/monitors/{{monitor}}/{section.name}")(pages.section(section))
    get("/monitors/{monitor}/findings.md")(pages.findings_markdown)
    get("/sign-in")(pages.sign_in)
    post("/sign-in")(pages.signed_in)
    post("/sign-out")(pages.sign_out)
    post("/monitors/{monitor}/batches/{batch}/findings")(pages.add_finding)
    post("/monitors/{monitor}/alerts/{alert}")(pages.change_alert)
    get("/metrics")(pages.metrics)
    get("/static/{name}")(static)
    return app


def _may_read(request: Request, gate: Gate) -> bool:
    """Whether a request is answered: the page where one signs in is for everybody, and so is what it needs."""
    # The path alone: the address of a request is partly what its header Host says.
    if request.scope["path"] in ("/sign-in", "/static/monitor.css", "/static/monitor.js"):
        return True
    return gate.reads(session_cookie(request), request.headers.get("authorization", ""), user_of(request))


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
