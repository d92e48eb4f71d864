"""Which user of this machine a connection of TCP comes from, or goes to, as Linux shows it; elsewhere it is not known.

A port on loopback belongs to whoever binds it first, and whoever is on the machine may connect to it: neither address
nor port says whose process it is. Used by `drift.serving.torchserve.keys` and by the monitor's page.
"""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

CONNECTIONS = {4: Path("/proc/net/tcp"), 6: Path("/proc/net/tcp6")}  # by version of IP
IPV4_IN_IPV6 = bytes(10) + b"\xff\xff"
POLL_SECONDS = 0.005
CLOSED = -1  # instead of a user's id: the process has closed its end, and Linux knows no longer whose it was


def user_of_client(client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """The id of the user whose process has a connection to a server of this machine.

    Args:
        client: address and port of the client's end.
        server: those of the server's end.

    Returns:
        The id; `CLOSED` if the client has closed its end; None if it is not on this machine, or not Linux.
    """
    if sys.platform != "linux":
        return None
    entry = _entry(_forms(*client), _forms(*server))
    if entry is None:
        return None
    return entry[0] if entry[1] else CLOSED


def user_at_other_end(sock: socket.socket, seconds: float) -> int | None:
    """The id of the user whose process has accepted a connection; None if it is not on this machine, or not Linux.

    Args:
        sock: connected, of TCP.
        seconds: to wait until it is accepted: until then the system names no user.

    Raises:
        TimeoutError: it was not accepted.
    """
    if sys.platform != "linux":
        return None
    deadline = time.monotonic() + seconds
    ends = [_forms(*sock.getpeername()[:2]), _forms(*sock.getsockname()[:2])]
    while True:
        entry = _entry(*ends)
        if entry is None:
            return None
        user, accepted = entry
        if accepted:
            return user
        if time.monotonic() > deadline:
            raise TimeoutError(f"the connection was not accepted within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def _entry(local: dict[int, str], remote: dict[int, str]) -> tuple[int, bool] | None:
    """User and whether it was accepted, of a connection on this machine.

    Args:
        local: forms of the address of the end that is asked about, by version of IP.
        remote: those of the other end.
    """
    for version, table in CONNECTIONS.items():
        if version not in local or version not in remote:
            continue
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:  # no IPv6 here
            continue
        wanted = [local[version], remote[version]]
        for line in lines:
            fields = line.split()
            if fields[1:3] == wanted:
                return int(fields[7]), fields[9] != "0"  # the inode of its socket
    return None


def _forms(host: str, port: int) -> dict[int, str]:
    """An address as Linux's tables of connections have it, by version of IP: words of the machine's byte order."""
    try:
        packed = socket.inet_pton(socket.AF_INET, host)
        by_version = {4: packed, 6: IPV4_IN_IPV6 + packed}
    except OSError:
        packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
        by_version = {6: packed}
        if packed.startswith(IPV4_IN_IPV6):
            by_version[4] = packed.removeprefix(IPV4_IN_IPV6)
    return {version: f"{_words(address)}:{port:04X}" for version, address in by_version.items()}


def _words(address: bytes) -> str:
    words = (address[start : start + 4] for start in range(0, len(address), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
