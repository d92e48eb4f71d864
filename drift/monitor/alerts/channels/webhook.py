"""Alerts by HTTP POST: signed, tried again for a while, and never sent on to another address."""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar
from urllib.parse import urlsplit

from drift.errors import DeliveryError, UsageError
from drift.monitor.alerts.channels.protocol import PANEL, ChannelOptions, Message, body
from drift.system.options import Option
from drift.system.secrets import read_option

if TYPE_CHECKING:  # the help of commands does without it
    import requests

TIMEOUT_SECONDS = 5.0  # to connect, and from one part of an answer to the next
ANSWER_SECONDS = 10.0  # for both together
SIGNATURE, TIMESTAMP, DELIVERY = "Drift-Signature", "Drift-Timestamp", "Drift-Delivery"


class _TryAgainError(Exception):
    """The receiver is away or busy."""


@dataclass(frozen=True)
class Webhook:
    """A receiver of alerts at a URL; the signature is HMAC-SHA256 of the time, a point, and the body.

    Attributes:
        url: that messages are posted to.
        secret: key of the signature; empty: messages are not signed.
        patience: seconds for all tries of one message.
    """

    kind: ClassVar[str] = "webhook"
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    patience: float = 20.0

    def __post_init__(self) -> None:
        try:
            sound = self.url.startswith(("http://", "https://")) and urlsplit(self.url).port != 0
        except ValueError:  # a port that is no number, or half an IPv6 address
            sound = False
        if not sound:
            raise UsageError("expected a webhook's address, http:// or https:// and a host, got another text")

    @property
    def target(self) -> str:
        """The host alone, with a digest of the address: its path and query may be secrets, as Slack's are."""
        parts = urlsplit(self.url)
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
        return f"{parts.scheme}://{host}/… {hashlib.sha256(self.url.encode()).hexdigest()[:8]}"

    def send(self, message: Message) -> None:
        """POST it; tried again while the receiver is away, busy or broken (429, 5xx), for `patience` seconds.

        Raises:
            DeliveryError: it could not be delivered.
        """
        from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

        tries = Retrying(
            stop=stop_after_delay(self.patience),
            wait=wait_exponential_jitter(initial=0.2, max=5),
            retry=retry_if_exception_type(_TryAgainError),
        )
        try:
            tries(self._post, message)
        except RetryError as error:
            reason = error.last_attempt.exception()
            raise DeliveryError(f"{self.target} did not take the message: {reason}") from error

    def _post(self, message: Message) -> None:
        import requests

        content, now = body(message), str(int(time.time()))
        headers = {"Content-Type": "application/json", DELIVERY: message.id, TIMESTAMP: now}
        if self.secret:
            headers[SIGNATURE] = sign(self.secret, now, content)
        try:
            answer = _within(ANSWER_SECONDS, lambda: self._answer(content, headers))
        except TimeoutError as error:  # of the whole: requests counts from one byte to the next
            raise _TryAgainError(f"no whole answer within {ANSWER_SECONDS:g} s") from error
        except requests.RequestException as error:
            raise _TryAgainError(type(error).__name__) from error
        if answer.status_code == 429 or answer.status_code >= 500:
            raise _TryAgainError(f"it answered {answer.status_code}")
        if not answer.ok or answer.is_redirect:
            raise DeliveryError(f"{self.target} refused the message: it answered {answer.status_code}")

    def _answer(self, content: bytes, headers: dict[str, str]) -> requests.Response:
        from drift.system.http_session import session_for

        with session_for(self.url) as session:
            answer = session.post(
                self.url, data=content, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
            )
            answer.close()  # what it says beside its status may never end
        return answer


@dataclass(frozen=True)
class WebhookOptions(ChannelOptions):
    """An address that gets messages.

    Attributes:
        webhook: its URL; empty for none.
        webhook_secret: environment variable with the secret that signs messages; empty: they are not signed.
    """

    order: ClassVar[int] = 0
    webhook: Annotated[str, Option("POST messages to this address; env:NAME or @FILE if it is a secret.", PANEL)] = ""
    webhook_secret: Annotated[str, Option("Environment variable with the secret that signs them.", PANEL)] = ""

    def channel(self) -> Webhook | None:
        """The channel; None if no address is given."""
        url, secret = read_option(self.webhook, option="--webhook"), self.webhook_secret
        if url and secret and secret not in os.environ:
            raise UsageError(
                f"expected the environment variable {secret}, which is to hold the webhook's secret; it is not set"
            )
        return Webhook(url, os.environ[secret] if secret else "") if url else None


def _within(seconds: float, ask: Callable[[], requests.Response]) -> requests.Response:
    """What `ask` returns or raises, or `TimeoutError`: its thread ends with its connection or the process."""
    from queue import Empty, Queue

    answers: Queue[requests.Response | Exception] = Queue()

    def run() -> None:
        try:
            answers.put(ask())
        except Exception as error:  # raised again where it is waited for
            answers.put(error)

    threading.Thread(target=run, name="drift-webhook", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty as error:
        raise TimeoutError from error
    if isinstance(answer, Exception):
        raise answer
    return answer


def sign(secret: str, timestamp: str, content: bytes) -> str:
    """The signature of a message."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + content, hashlib.sha256).hexdigest()


def verify(
    secret: str, timestamp: str, content: bytes, signature: str, *, now: float, tolerance: float = 300.0
) -> bool:
    """Whether a message is ours and not old, for receivers; takes as long whatever differs."""
    fresh = timestamp.isdigit() and abs(now - int(timestamp)) <= tolerance
    return hmac.compare_digest(sign(secret, timestamp, content).encode(), signature.encode()) and fresh
