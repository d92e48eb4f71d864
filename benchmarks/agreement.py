"""What peers answer for two small fixed samples: the numbers in `tests/detect/test_agreement.py`.

    python -m benchmarks.agreement [--peers NAME ...] [--json FILE]

Each peer runs in its own environment, as in `benchmarks.twosample`, with the samples and the bandwidth of
`peers/agreement.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.environments import SCRIPTS, environment
from benchmarks.measuring import Limits, call, write_json
from benchmarks.twosample import PEERS


def main() -> None:
    """Print a line for every number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = sorted(name for name, peer in PEERS.items() if not peer.checkout)
    parser.add_argument("--peers", nargs="*", choices=known, default=known)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    records = []
    for name in given.peers:
        python = environment(name, PEERS[name])
        answer = call(python, SCRIPTS / "agreement.py", {"peer": name}, limits=Limits())
        if isinstance(answer, str):
            raise SystemExit(f"{name}: {answer}")
        for found in answer["statistics"]:
            at = f", bandwidth {found['bandwidth']!r}" if "bandwidth" in found else ""
            print(f"{name} {answer['version']}, {found['call']}{at}: {found['statistic']!r}")
            records.append({"peer": name, "version": answer["version"]} | found)
    if given.json:
        write_json(given.json, vars(given), records)


if __name__ == "__main__":
    main()
