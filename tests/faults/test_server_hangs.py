"""A TorchServe that takes requests and answers none is started again once, and what is said last names `--resume`."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import pytest
import requests

from tests.built import FIVE_BLOCKS, NONE_FLAGGED
from tests.faults.conftest import HUNDRED_BLOCKS, Project
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(480)]

JVM, WORKER = "org.pytorch.serve", "model_service_worker"
AGAIN = "TorchServe does not answer; starting it again"


@pytest.mark.parametrize("part", [JVM, WORKER])
def test_a_server_that_hangs_while_scoring_is_restarted(project: Project, part: str) -> None:
    """Suspended for real, with the real deadline: every block is answered in the end, once."""
    process = project.start("deploy", *HUNDRED_BLOCKS, *NONE_FLAGGED)
    wait_until(lambda: len(project.blocks()) >= 5, 120, what="five blocks")
    for hanging in project.server_processes(part):
        hanging.suspend()
    ended = project.finish(process, timeout=240)
    assert (ended.code, ended.err.strip()) == (0, AGAIN)
    project.assert_complete(100)


def test_a_server_that_hangs_again_ends_with_how_to_resume(project: Project) -> None:
    options = ("deploy", *FIVE_BLOCKS, *NONE_FLAGGED)
    ended = project.patched("hang_server.py", "3", "again", args=options)
    assert ended.code == 1
    *restarts, last = ended.err.strip().splitlines()
    assert set(restarts) == {AGAIN}  # once for the block; on a slow machine the watch of the alias may need one, too
    assert last.startswith("error: http://127.0.0.1:")
    assert "it was started again, which did not help" in last
    assert last.endswith(f"to go on: drift deploy --register_model_name {project.model} --resume")
    assert "HTTPConnectionPool" not in ended.err
    project.assert_resumable()
    assert project.run("deploy", "--resume").code == 0
    project.assert_complete(5)


def test_a_served_model_that_hangs_answers_again(deployed: Project) -> None:
    """Nobody of this project asks it: `drift serve` notices by itself."""
    serving = deployed.spawn("serve")
    serving.expect("Ctrl-C ends it")
    for hanging in deployed.server_processes(WORKER):
        hanging.suspend()
    serving.expect(AGAIN, seconds=150)
    wait_until(lambda: answers(deployed), 90, what="an answer")
    serving.ctrl_c()
    assert serving.end() == 0, serving.text


def test_a_replay_whose_server_hangs_goes_on(project: Project) -> None:
    options = ("replay", "--serve", "--test_data_rows", "600", "--block_size", "200", "--policies", "never")
    script = Path(__file__).with_name("hang_server.py")
    ended = project.run(command=[sys.executable, str(script), "2", "--", *options], timeout=240)
    assert ended.code == 0, ended.err
    assert AGAIN in ended.err
    assert "served by TorchServe: " in ended.out


def answers(project: Project) -> bool:
    with contextlib.suppress(requests.RequestException, OSError, ValueError):
        key = json.loads(Path(project.server_folder(), "key_file.json").read_text())["inference"]["key"]
        url = f"{project.server()['inference_url']}/predictions/{project.model}"
        headers = {"Authorization": f"Bearer {key}"}
        return requests.post(url, json={"rows": [[0.1] * 9]}, headers=headers, timeout=5).ok
    return False
