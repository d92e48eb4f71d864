"""Messages reach a webhook, a command and a file: signed, once each, and never lost while a receiver is away."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from drift.errors import DeliveryError, UsageError
from drift.monitor.alerts.channels.command import Command
from drift.monitor.alerts.channels.file import File
from drift.monitor.alerts.channels.protocol import Channel, Message
from drift.monitor.alerts.channels.webhook import Webhook, verify
from drift.monitor.alerts.check import check, close
from drift.monitor.alerts.messages import CLAIM_SECONDS, FIRST_WAIT, Watch, deliver
from drift.monitor.store import MonitorStore, alerts
from drift.monitor.store.tables import update
from tests.monitor.receiver import receiver
from tests.monitor.worlds import World, agree, monitor_of, take_in
from tests.servers import free_port

MESSAGE = Message("id-1", "opened", "shop", 7, "price", "day 3", "far\nfrom it", "2026-01-01T00:00:00+00:00")
HOSTILE = "'; touch harmed; $(touch harmed) `touch harmed` \" \n\x00 <script> 💥"


def test_a_webhook_gets_a_signed_message() -> None:
    with receiver() as there:
        Webhook(f"{there.address}/hook?key=hidden", secret="s3cret").send(MESSAGE)
        [(headers, body)] = there.came
    found = json.loads(body)
    assert (found["signal"], found["alert"], found["event"]) == ("price", 7, "opened")
    assert found["text"] == "shop: price opened at batch day 3: far from it"
    given = headers["Drift-Timestamp"], body, headers["Drift-Signature"]
    assert verify("s3cret", *given, now=time.time())
    assert not verify("another", *given, now=time.time())
    assert not verify("s3cret", given[0], body + b" ", given[2], now=time.time())
    assert not verify("s3cret", *given, now=time.time() + 3_600)  # caught and played again later


def test_a_webhook_is_shown_without_its_secrets() -> None:
    hook = Webhook("https://user:pass@hooks.example:8443/a/b?token=abc", secret="s3cret")
    assert hook.target.startswith("https://hooks.example:8443/… ")
    assert hook.target != Webhook("https://hooks.example:8443/another").target
    assert not any(word in repr(hook) + hook.target for word in ("pass", "abc", "s3cret", "a/b"))
    with pytest.raises(UsageError, match="http:// or https://"):
        Webhook("file:///etc/passwd")


def test_a_webhook_gets_no_login_out_of_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is for the host, and the message goes to whatever listens there."""
    login = tmp_path / "netrc"
    login.write_text("machine 127.0.0.1 login ada password hunter2\n")
    login.chmod(0o600)
    monkeypatch.setenv("NETRC", str(login))
    with receiver() as there:
        Webhook(there.address).send(MESSAGE)
        [(headers, _)] = there.came
    assert "Authorization" not in headers


def test_a_webhook_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy.address)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "")
        Webhook("http://hooks.example/x").send(MESSAGE)
        assert proxy.ids == ["id-1"]


def test_a_command_gets_no_secrets_but_those_it_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "DRIFT_MONITOR_TOKEN",
        "MLFLOW_TRACKING_PASSWORD",
        "PGPASSWORD",
        "AWS_SECRET_ACCESS_KEY",
        "CHAT_TOKEN",
    ):
        monkeypatch.setenv(name, "geheim")
    monkeypatch.setenv("CHAT_ROOM", "drift")
    seen = tmp_path / "seen"
    code = f"import os; open({str(seen)!r}, 'w').write('\\n'.join(f'{{n}}={{v}}' for n, v in os.environ.items()))"
    line = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"
    Command(line).send(MESSAGE)
    assert "geheim" not in seen.read_text()
    assert "CHAT_ROOM=drift" in seen.read_text()
    assert "DRIFT_ALERT_SIGNAL=price" in seen.read_text()
    Command(line, keep=("CHAT_TOKEN",)).send(MESSAGE)
    assert seen.read_text().count("geheim") == 1


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_webhook_that_is_busy_is_asked_again_within_its_patience(status: int) -> None:
    with receiver() as there:
        there.status = status
        threading.Timer(0.7, lambda: setattr(there, "status", 200)).start()
        Webhook(there.address, patience=120).send(MESSAGE)
        assert there.ids == ["id-1"]
        there.status = status
        with pytest.raises(DeliveryError, match=f"it answered {status}"):
            Webhook(there.address, patience=0.5).send(MESSAGE)


@pytest.mark.parametrize("status", [400, 401, 404, 302, 307])
def test_a_webhook_that_refuses_is_not_pressed_and_sends_nobody_elsewhere(status: int) -> None:
    with receiver() as there, receiver() as elsewhere:
        there.status, there.location = status, elsewhere.address
        with pytest.raises(DeliveryError, match=f"refused the message: it answered {status}"):
            Webhook(there.address).send(MESSAGE)
        assert there.asked == 1
        assert elsewhere.asked == 0


def test_a_webhook_that_is_away_or_hangs_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeliveryError, match="did not take the message"):
        Webhook(f"http://127.0.0.1:{free_port()}", patience=0.5).send(MESSAGE)
    monkeypatch.setattr("drift.monitor.alerts.channels.webhook.TIMEOUT_SECONDS", 0.3)
    with receiver() as there:
        there.seconds = 1.0
        with pytest.raises(DeliveryError, match="ReadTimeout"):
            Webhook(there.address, patience=0.5).send(MESSAGE)


def test_a_webhook_whose_answer_never_ends_is_not_listened_to() -> None:
    with receiver() as there:
        there.endless = True
        try:
            Webhook(there.address).send(MESSAGE)
            assert there.ids == [MESSAGE.id]
        finally:
            there.endless = False


def test_a_webhook_that_answers_byte_by_byte_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte came in time, and the check waited for ever."""
    monkeypatch.setattr("drift.monitor.alerts.channels.webhook.ANSWER_SECONDS", 1.0)
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            with suppress(OSError):
                while not ended.is_set():
                    connection, _ = listener.accept()
                    threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not ended.wait(0.2):
                    connection.sendall(b"x")

        threading.Thread(target=drip, daemon=True).start()
        began = time.monotonic()
        hook = Webhook(f"http://127.0.0.1:{listener.getsockname()[1]}", patience=0.5)
        with pytest.raises(DeliveryError, match="no whole answer within 1 s"):
            hook.send(MESSAGE)
        ended.set()
    assert time.monotonic() - began < 10


def test_names_of_any_length_reach_a_command(tmp_path: Path) -> None:
    """Linux takes variables of at most 128 kB: no alert of such a column was ever delivered."""
    long = "x" * 300_000
    line = f"{shlex.quote(sys.executable)} -c {shlex.quote(KEEP)} {tmp_path / 'given'}"
    Command(line).send(replace(MESSAGE, signal=long, reason=long))
    given = json.loads((tmp_path / "given").read_text())
    assert len(given["variable"]) == 4_000
    assert given["body"]["signal"] == given["body"]["reason"] == long
    assert len(given["body"]["text"]) < 2_000


KEEP = """
import json, os, sys
given = {"variable": os.environ["DRIFT_ALERT_SIGNAL"], "body": json.load(sys.stdin)}
open(sys.argv[1], "w").write(json.dumps(given))
"""


def test_a_lock_on_a_file_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may read the file can hold it."""
    monkeypatch.setattr("drift.monitor.alerts.channels.file.LOCK_SECONDS", 0.3)
    path = tmp_path / "alerts"
    path.touch()
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DeliveryError, match=r"another process has held the lock of .*alerts for 0\.3 s"):
            File(path).send(MESSAGE)
    File(path).send(MESSAGE)
    assert len(path.read_text().splitlines()) == 1


def test_a_command_gets_hostile_text_as_data_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "take it.py"
    script.write_text(
        "import json, os, sys; json.dump([json.load(sys.stdin), dict(os.environ)], open('came.json', 'w'))"
    )
    Command(f"{sys.executable} '{script}'").send(replace(MESSAGE, reason=HOSTILE, batch=HOSTILE))
    given, variables = json.loads((tmp_path / "came.json").read_text())
    assert given["reason"] == HOSTILE
    assert variables["DRIFT_ALERT_REASON"] == HOSTILE.replace("\0", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["came.json", "take it.py"]


def test_a_command_that_fails_hangs_or_is_not_there_says_so() -> None:
    with pytest.raises(DeliveryError, match="ended with 3: no such printer"):
        Command(f"{sys.executable} -c \"import sys; print('no such printer', file=sys.stderr); sys.exit(3)\"").send(
            MESSAGE
        )
    with pytest.raises(DeliveryError, match=r"more than 0.5 s"):
        Command(f"{sys.executable} -c 'import time; time.sleep(60)'", seconds=0.5).send(MESSAGE)
    with pytest.raises(DeliveryError, match="cannot be started"):
        Command("/nowhere/at/all").send(MESSAGE)
    for text in ("", "'"):
        with pytest.raises(UsageError, match="expected a command"):
            Command(text)


def test_a_file_holds_each_message_once_also_after_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    channel = File(path)
    channel.send(replace(MESSAGE, reason=HOSTILE))
    channel.send(MESSAGE)
    with path.open("ab") as handle:
        handle.write(b'{"id": "id-2", "eve')  # as a crash leaves it
    channel.send(replace(MESSAGE, id="id-2"))
    lines = path.read_bytes().splitlines()
    whole = []
    for line in lines:
        try:
            whole.append(json.loads(line)["id"])
        except ValueError:
            continue
    assert whole == ["id-1", "id-2"]
    with pytest.raises(DeliveryError, match="cannot be written"):
        File(tmp_path / "no" / "folder").send(MESSAGE)


def test_two_writers_of_a_file_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"

    def write(writer: int) -> None:
        for at in range(40):
            File(path).send(replace(MESSAGE, id=f"{writer}-{at}", reason="x" * 5_000))

    threads = [threading.Thread(target=write, args=(at,)) for at in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    ids = [json.loads(line)["id"] for line in path.read_text().splitlines()]
    assert len(ids) == len(set(ids)) == 120


@pytest.fixture
def alarmed(store: MonitorStore) -> MonitorStore:
    """A store with an alert to be told."""
    take_in(store, World(batches=16, rows=150, moved_from=8))
    agree(store, 8)
    return store


def look(store: MonitorStore, *channels: Channel) -> None:
    check(store, monitor_of(store), Watch(channels=channels))


def age(store: MonitorStore, seconds: float) -> None:
    """As if so many seconds had passed."""
    with store.write() as connection:
        for one in alerts.deliveries_of(connection, monitor_of(store), "pending"):
            update(connection, replace(one, not_before=one.not_before - seconds))


def test_a_receiver_that_was_down_gets_the_message_once_when_it_is_back(alarmed: MonitorStore) -> None:
    port = free_port()
    hook = Webhook(f"http://127.0.0.1:{port}", patience=0.2)
    look(alarmed, hook)
    for _ in range(3):
        found = deliver(alarmed, monitor_of(alarmed), [hook])
        assert (found.done, found.waiting) == (0, 1)
        age(alarmed, 10 * FIRST_WAIT)
    with receiver(port) as there:
        found = deliver(alarmed, monitor_of(alarmed), [hook])
        assert (found.done, found.waiting) == (1, 0)
        look(alarmed, hook)
        deliver(alarmed, monitor_of(alarmed), [hook])
        assert len(there.ids) == 1


def test_who_is_away_is_asked_once_a_call_however_many_messages_wait(
    alarmed: MonitorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, there = Webhook(f"http://127.0.0.1:{free_port()}", patience=0.4), File(tmp_path / "a")
    look(alarmed, away, there)
    with alarmed.write() as connection:
        for one in alerts.deliveries_of(connection, monitor_of(alarmed)):
            for more in range(5):
                alerts.add_delivery(
                    connection, replace(one, id=f"{one.id}-{more}", message={**one.message, "id": f"{one.id}-{more}"})
                )
    tries: list[str] = []
    send = Webhook.send

    def counted(self: Webhook, message: Message) -> None:
        tries.append(message.id)
        send(self, message)

    monkeypatch.setattr(Webhook, "send", counted)
    found = deliver(alarmed, monitor_of(alarmed), [away, there])
    assert len(tries) == 1
    assert (found.done, found.waiting, len(found.errors)) == (6, 6, 1)


def test_nothing_is_told_in_quiet_hours_not_even_at_a_second_try(alarmed: MonitorStore, tmp_path: Path) -> None:
    channel = File(tmp_path / "a")
    look(alarmed, channel)
    found = deliver(alarmed, monitor_of(alarmed), [channel], quiet=lambda moment: moment + timedelta(hours=1))
    assert (found.done, found.waiting) == (0, 1)
    assert deliver(alarmed, monitor_of(alarmed), [channel]).done == 1


def test_a_command_is_not_waited_for_longer_because_of_what_it_leaves_behind(tmp_path: Path) -> None:
    """What is left holds the command's output open until the test is over: who waited for it would wait for ever."""
    over = tmp_path / "over"
    try:
        Command(f"sh -c 'while [ ! -e {over} ]; do sleep 0.1; done & exit 0'", seconds=120).send(MESSAGE)
    finally:
        over.touch()


def test_between_tries_it_waits(alarmed: MonitorStore) -> None:
    hook = Webhook(f"http://127.0.0.1:{free_port()}", patience=0.1)
    look(alarmed, hook)
    before = time.time()
    assert len(deliver(alarmed, monitor_of(alarmed), [hook]).errors) == 1
    assert deliver(alarmed, monitor_of(alarmed), [hook]).errors == ()
    with alarmed.read() as connection:
        [one] = alerts.deliveries_of(connection, monitor_of(alarmed), "pending")
    assert one.attempts == 1
    assert before + FIRST_WAIT / 2 < one.not_before <= time.time() + FIRST_WAIT
    assert "did not take the message" in one.error


def test_processes_at_once_deliver_it_once(alarmed: MonitorStore) -> None:
    with receiver() as there:
        there.seconds = 0.3
        hook = Webhook(there.address)
        look(alarmed, hook)
        threads = [threading.Thread(target=lambda: deliver(alarmed, monitor_of(alarmed), [hook])) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert len(there.ids) == 1


def test_a_process_that_died_while_sending_leaves_the_message_to_the_next(
    alarmed: MonitorStore, tmp_path: Path
) -> None:
    class Dies(File):
        def send(self, message: Message) -> None:
            super().send(message)
            raise KeyboardInterrupt  # after it was written, before it was marked as done

    path = tmp_path / "alerts.jsonl"
    look(alarmed, File(path))
    with pytest.raises(KeyboardInterrupt):
        deliver(alarmed, monitor_of(alarmed), [Dies(path)])
    assert deliver(alarmed, monitor_of(alarmed), [File(path)]).waiting == 1  # it may still be at it
    age(alarmed, CLAIM_SECONDS + 1)
    assert deliver(alarmed, monitor_of(alarmed), [File(path)]).done == 1
    assert len(path.read_text().splitlines()) == 1


def test_messages_for_other_channels_wait_for_them(alarmed: MonitorStore, tmp_path: Path) -> None:
    look(alarmed, File(tmp_path / "a"), File(tmp_path / "b"))
    found = deliver(alarmed, monitor_of(alarmed), [File(tmp_path / "a")])
    assert (found.done, found.waiting) == (1, 1)
    assert found.errors == (f"1 for the file {tmp_path / 'b'}, which is not given here",)
    look(alarmed, File(tmp_path / "c"))  # a channel that is new hears of what is open
    assert deliver(alarmed, monitor_of(alarmed), [File(tmp_path / "c")]).done == 1
    look(alarmed, File(tmp_path / "c"))
    assert deliver(alarmed, monitor_of(alarmed), [File(tmp_path / "c")]).done == 0
    assert not os.path.exists(tmp_path / "b")  # noqa: PTH110


def test_what_happened_is_told_in_its_order_also_by_who_was_away(alarmed: MonitorStore, tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    away, there = Webhook(f"http://127.0.0.1:{free_port()}", patience=0.1), File(path)
    watch = Watch(channels=(away, there))
    [alert] = check(alarmed, monitor_of(alarmed), watch).opened
    assert deliver(alarmed, monitor_of(alarmed), [away]).done == 0
    close(alarmed, monitor_of(alarmed), alert, by="Ada", why="mended")
    with receiver(int(away.url.rsplit(":", 1)[1])) as back:
        assert deliver(alarmed, monitor_of(alarmed), [away]).done == 0  # it waits for the one before it
        age(alarmed, 10 * FIRST_WAIT)
        assert deliver(alarmed, monitor_of(alarmed), [away, there]).done == 4
        assert [json.loads(content)["event"] for _, content in back.came] == ["opened", "closed"]
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == ["opened", "closed"]
