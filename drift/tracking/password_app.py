"""MLflow's server behind a password: the app `drift-password` of `mlflow server --app-name`, which `make ui` starts.

A port on loopback is open to every user of the machine, and MLflow's server lets whoever reaches it read reports and
models, delete runs, and write files as its user. Browsers keep such a password by address and port, unlike cookies.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from typing import TYPE_CHECKING

from drift.errors import UsageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

VARIABLE = "DRIFT_UI_PASSWORD"
LEAST_PASSWORD = 12  # characters


def create_app() -> ASGIApp:
    """MLflow's own application, for requests with the password that `DRIFT_UI_PASSWORD` holds.

    Raises:
        UsageError: there is no such password, or it is short.
    """
    password = os.environ.get(VARIABLE, "")
    if len(password) < LEAST_PASSWORD:
        raise UsageError(
            f"expected a password of {LEAST_PASSWORD} characters or more in {VARIABLE}, got {len(password)}: set it"
        )
    from mlflow.server.fastapi_app import app

    return protected(app, password)


def protected(app: ASGIApp, password: str) -> ASGIApp:
    """An ASGI application that answers requests with a password only (HTTP Basic, any user name).

    Args:
        app: the application.
        password: that requests have to have.
    """

    async def ask_first(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or _has_password(scope, password):
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [
                (b"www-authenticate", b'Basic realm="MLflow"'),
                (b"content-type", b"text/plain"),
            ]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": b"expected the password that make ui printed\n"})

    return ask_first


def _has_password(scope: Scope, password: str) -> bool:
    for name, value in scope["headers"]:
        kind, _, credentials = value.partition(b" ")
        if name != b"authorization" or kind.lower() != b"basic":
            continue
        try:
            _, _, password_sent = base64.b64decode(credentials.strip(), validate=True).partition(b":")
        except (binascii.Error, ValueError):
            continue
        if hmac.compare_digest(password_sent, password.encode()):
            return True
    return False
