"""Who runs this process, for what is kept of people's decisions."""

from __future__ import annotations

import getpass
import socket


def person() -> str:
    """User and machine, such as `ada@host`: what the environment says, which a user can set."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
