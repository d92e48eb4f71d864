"""Requests to a server of ours: straight to its address, with our token and nobody else's."""

from __future__ import annotations

from typing import Any

import requests


def direct_session() -> requests.Session:
    """A session that asks the environment for nothing: no proxy gets our tokens, no .netrc replaces them."""
    session = requests.Session()
    session.trust_env = False
    return session


def direct_request(method: str, url: str, *, timeout: float, **details: Any) -> requests.Response:
    """One request, as `requests.request` would send it on a machine without proxies."""
    with direct_session() as session:
        return session.request(method, url, timeout=timeout, **details)
