"""What `drift serve` prints works when it is pasted into a shell and into Python."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.faults.conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_printed_lines_work_when_pasted(deployed: Project) -> None:
    serving = deployed.spawn("serve")
    serving.expect("Ctrl-C ends it")
    text = serving.text.replace("\r", "")
    shell = text[text.index("TOKEN=") : text.index("or with Python:")]
    asked = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60, check=True)
    by_curl = json.loads(asked.stdout)
    assert by_curl["classes"] == ["DOWN", "UP"]
    assert by_curl["predictions"] == [by_curl["classes"][int(np.argmax(by_curl["probabilities"][0]))]]
    script = text[text.index("from drift.serving import Client") : text.index("features in order:")]
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True, env=deployed.environ()
    )
    assert re.match(rf"\('{by_curl['predictions'][0]}',\) \[\[0\.\d+ +0\.\d+\]\] \('DOWN', 'UP'\) 1", ran.stdout)
    by_hand = subprocess.run(
        [sys.executable, "-c", BOTH_FORMS.format(folder=deployed.server_folder(), model=deployed.model)],
        capture_output=True, text=True, timeout=60, check=True, env=deployed.environ(),
    )  # fmt: skip
    assert by_hand.stdout.strip() == "equal"
    serving.ctrl_c()
    assert serving.end() == 0, serving.text


BOTH_FORMS = """
import numpy as np
from drift.serving import Client
from drift.datasets.elec import load_elec
table, client = load_elec(), Client({folder!r}, {model!r})
rows = slice(31718, 31738)
plain = client.predict(table.features[rows])
timed = client.predict(table.features[rows, :5], times=table.timestamps[rows])
np.testing.assert_allclose(plain.probabilities, timed.probabilities, rtol=0, atol=1e-6)
assert plain.labels == timed.labels and len(plain.labels) == 20
print("equal")
"""
