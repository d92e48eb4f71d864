"""HTTP sessions to addresses that a user named: with proxies of the environment, but no login out of .netrc."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests


def session_for(url: str) -> requests.Session:
    """A session for requests to `url`, which sends what it is given and nothing else.

    A password in `.netrc` is for a host, not for us: requests would send it along with any message to that host.

    Args:
        url: of the requests; decides which proxy of the environment is used.
    """
    import requests

    session = requests.Session()
    session.proxies.update(requests.utils.get_environ_proxies(url))
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    session.trust_env = False
    return session
