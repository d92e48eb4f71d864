"""Why MLflow failed, in words: from the exceptions of its client, whose texts name the symptom."""

from __future__ import annotations

import os
import re

LONGEST = 300  # characters of a text of MLflow's own
TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"  # seconds
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
LOGIN = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
WORDS = {
    401: f"asks for a login (HTTP 401): {LOGIN}",
    403: f"refuses access (HTTP 403): ask its administrator for permission, or {LOGIN}",
    429: "refuses more requests for now (HTTP 429): try again later",
}
STATUS = re.compile(r"too many (\d{3}) error responses|error code (\d{3}) !=")
STATUS_OF_CODE = {"PERMISSION_DENIED": 403, "UNAUTHENTICATED": 401, "CUSTOMER_UNAUTHORIZED": 401}
ABSENT = re.compile(r"NewConnectionError|Connection refused|Name or service not known|NameResolutionError")
TIMED_OUT = re.compile(r"timed out|timeout exception|ReadTimeout|ConnectTimeout", re.IGNORECASE)


def cause(error: BaseException) -> str:
    """One line: what went wrong, and what to do where that is known.

    >>> cause(OSError("(Caused by ResponseError('too many 503 error responses'))"))
    'the server answered with an error of its own (HTTP 503); its log says more'
    """
    text = str(error).strip()
    status = _status(error, text)
    if status in WORDS:
        return f"the server {WORDS[status]}"
    if status == 404 and "<" in text:
        return "the server has no such address (HTTP 404): is it MLflow, of version 3 or later?"
    if status is not None and status >= 500:
        return f"the server answered with an error of its own (HTTP {status}); its log says more"
    if ABSENT.search(text):
        return "no server answers there: start it, or set MLFLOW_TRACKING_URI to another address"
    if TIMED_OUT.search(text):
        tries = int(os.environ.get(RETRIES, "0")) + 1
        return (
            f"the server did not answer within {os.environ.get(TIMEOUT, '?')} s, asked {tries} times: try again when"
            f" it is less busy, or set {TIMEOUT} to more seconds"
        )
    return (text.splitlines() or [type(error).__name__])[0][:LONGEST]


def _status(error: BaseException, text: str) -> int | None:
    """The HTTP status behind an error of MLflow's client, if there is one."""
    match = STATUS.search(text)
    if match:
        return int(match.group(1) or match.group(2))
    return STATUS_OF_CODE.get(str(getattr(error, "error_code", "")))
