"""A real PostgreSQL for tests: a cluster of its own in a temporary folder, on loopback, with a password."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import free_port
from tests.waiting import wait_until

PASSWORD = "s3cret/@:%word"
SECONDS = 60


def binaries() -> Path | None:
    """Where PostgreSQL's programs are; None if it is not installed."""
    found = shutil.which("pg_ctl")
    if found:
        return Path(found).resolve().parent
    there = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return there[-1].parent if there else None


class Cluster:
    """One cluster; it may be stopped, killed and started again."""

    def __init__(self, folder: Path) -> None:
        found = binaries()
        assert found is not None
        self.bin, self.data, self.port = found, folder / "data", free_port()
        self._as: list[str] = []
        if os.getuid() == 0:  # which PostgreSQL refuses to run as
            shutil.chown(folder, "postgres")  # 0700, as mkdtemp makes it
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o600)
        if self._as:
            shutil.chown(secret, "postgres")
        self._run("initdb", "-D", str(self.data), "-U", "drift", "--auth=scram-sha-256", f"--pwfile={secret}",
                  "--encoding=UTF8", "--locale=C")  # fmt: skip
        self.start()

    @property
    def url(self) -> str:
        """SQLAlchemy's, with the password."""
        from urllib.parse import quote

        return f"postgresql://drift:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self.data.parent / "log"), "-w", "-t", str(SECONDS),
                  "-o", options, "start")  # fmt: skip

    def stop(self) -> None:
        """Stop it, ending all connections."""
        self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "-t", str(SECONDS), "stop", check=False)

    def kill(self) -> None:
        """Kill it as a power cut would."""
        number = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(number, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{number}").exists(), SECONDS, what="end of PostgreSQL")
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        line = [*self._as, str(self.bin / program), *arguments]
        done = subprocess.run(
            line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
            timeout=2 * SECONDS, check=False, cwd="/",
        ) if program != "pg_ctl" else subprocess.run(
            line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True,
            timeout=2 * SECONDS, check=False, cwd="/",
        )  # fmt: skip
        if check and done.returncode:
            log = self.data.parent / "log"
            raise RuntimeError(f"{program}: {done.stdout or (log.read_text()[-2000:] if log.exists() else '')}")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster, ended and removed whatever happens; in a folder that its user may reach, wherever TMPDIR is."""
    folder = Path(tempfile.mkdtemp(prefix="drift-postgres-", dir="/tmp"))
    made = None
    try:
        made = Cluster(folder)
        yield made
    finally:
        if made is not None:
            made.stop()
        shutil.rmtree(folder, ignore_errors=True)
