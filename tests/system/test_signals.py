"""Ctrl-C waits for the end of what is not to be broken off; a second one does not. A hang-up ends a command once."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import typer

from drift.commands.ending import command
from drift.system.signals import unbroken
from drift.terminal import Screen

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Ctrl-C as on a terminal: a shell's background jobs are started deaf to it, and nohup's to a hang-up."""
    before = {number: signal.getsignal(number) for number in HANDLED}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_first_signal_waits() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt):
        with unbroken():
            signal.raise_signal(signal.SIGINT)
            done.append("inside")
        done.append("behind")
    assert done == ["inside"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_breaks_through() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), unbroken():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done.append("not reached")
    assert done == []


def test_one_inside_another_waits_for_the_outer_end() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), unbroken():
        with unbroken():
            signal.raise_signal(signal.SIGINT)
        done.append("between")
    assert done == ["between"]


def test_an_error_inside_is_not_lost() -> None:
    with pytest.raises(KeyboardInterrupt) as caught, unbroken():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("inside")
    assert isinstance(caught.value.__context__, ValueError)


def test_other_threads_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work() -> None:
        with unbroken():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert seen == [before]


@pytest.mark.parametrize("first", HANDLED)
def test_a_hang_up_behind_another_signal_breaks_off_nothing(first: signal.Signals) -> None:
    """A closed terminal sends SIGHUP twice, a session that ends SIGTERM and SIGHUP: what tidies up goes on."""
    done = []

    @command
    def work() -> None:
        try:
            signal.raise_signal(first)
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGHUP)
            with unbroken():
                signal.raise_signal(signal.SIGHUP)
            done.append("tidied up")
            raise

    with pytest.raises(typer.Exit) as ended:
        work()
    assert (ended.value.exit_code, done) == (130, ["tidied up"])


@pytest.mark.parametrize("first", HANDLED)
def test_a_second_hang_up_waits_for_the_end_too(first: signal.Signals) -> None:
    done = []

    @command
    def work() -> None:
        with unbroken():
            signal.raise_signal(first)
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGHUP)
            done.append("inside")
        done.append("behind")

    with pytest.raises(typer.Exit) as ended:
        work()
    assert (ended.value.exit_code, done) == (130, ["inside"])


def test_nohup_keeps_a_hang_up_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    @command
    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

    with pytest.raises(typer.Exit):
        work()


def test_a_lost_terminal_at_a_question_is_the_first_hang_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading fails before the signals arrive."""
    screen, done = Screen(), []

    def lost(*args: object) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(screen.console, "input", lost)
    monkeypatch.setattr(sys, "stdin", None)

    @command
    def work() -> None:
        try:
            screen.confirm("Go on? [y]es, [n]o: ")
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGHUP)
            done.append("tidied up")
            raise

    with pytest.raises(typer.Exit) as ended:
        work()
    assert (ended.value.exit_code, done) == (130, ["tidied up"])


LOST = """
import gc, signal, sys, typer
from drift.commands.ending import command
from drift.system.signals import raise_lost_interrupt

def during_collection(phase, info):
    if phase == "start":
        gc.callbacks.clear()
        signal.raise_signal(signal.SIGINT)

@command
def deploy():
    gc.callbacks.append(during_collection)
    gc.collect()
    print("went on", flush=True)
    raise_lost_interrupt()
    print("to its end", flush=True)

try:
    deploy()
except typer.Exit as end:
    sys.exit(end.exit_code)
"""


def test_an_interrupt_that_python_swallows_is_heard_at_the_next_block() -> None:
    """One that arrives while the garbage collector calls back is ignored by Python itself, and no traceback printed."""
    done = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.returncode) == ("went on\n", 130), done
    assert "error: interrupted; nothing is lost" in done.stderr
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


def test_other_errors_that_python_swallows_are_printed() -> None:
    code = LOST.replace("signal.raise_signal(signal.SIGINT)", "raise ValueError('a defect')")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.returncode) == ("went on\nto its end\n", 0), done
    assert "ignored" in done.stderr
    assert "ValueError: a defect" in done.stderr
