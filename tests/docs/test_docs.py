"""What the documents say is what the commands do."""

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest
import typer

from drift.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def write_help() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_help", ROOT / "docs" / "write_help.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_commands_is_current() -> None:
    module = write_help()
    assert module.PAGE.read_text() == module.page(), "run: python docs/write_help.py"
    assert module.POLICIES_PAGE.read_text() == module.policies_page(), "run: python docs/write_help.py"


def command_lines() -> list[str]:
    """Lines of the README's code blocks that call one of our commands."""
    blocks = re.findall(r"```(?:console|sh|bash)\n(.*?)```", README, flags=re.DOTALL)
    joined = "\n".join(blocks).replace("\\\n", " ")
    lines = [line.strip().removeprefix("$ ") for line in joined.splitlines()]
    return [line for line in lines if re.match(r"(python (base|deploy|retrain)_model\.py|drift) ", line + " ")]


def test_the_readme_shows_every_command() -> None:
    shown = {shlex.split(line)[1] for line in command_lines() if line.startswith("drift ")}
    assert set(typer.main.get_command(app).commands) <= shown | {"base", "deploy", "retrain"}  # type: ignore[attr-defined]
    assert {line.split()[1] for line in command_lines() if line.startswith("python ")} == {
        "base_model.py",
        "deploy_model.py",
        "retrain_model.py",
    }


@pytest.mark.parametrize("line", command_lines())
def test_every_option_in_the_readme_exists(line: str) -> None:
    words = shlex.split(line, comments=True)
    name = words[1].removesuffix("_model.py")
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    command = command.commands[words[2]] if hasattr(command, "commands") else command
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options | {"--help"}


def test_the_readme_knows_every_make_target() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for target in ("run", "test", "ui", "test-slow"):
        assert target in targets
        assert f"make {target}" in README


def test_links_of_the_documents_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_picture_of_the_documents_can_be_drawn_anew() -> None:
    spec = importlib.util.spec_from_file_location("draw_pictures", ROOT / "docs" / "draw_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pictures = {path.stem for path in (ROOT / "docs" / "images").glob("*.png")}
    assert pictures <= {*module.TESTS, *module.COMMANDS}
    for name, test in module.TESTS.items():
        path, _, function = test.partition("::")
        text = (ROOT / "tests" / "browser" / path).read_text()
        assert f"def {function}" in text
        assert (
            'f"monitor-{name}.png"' in text
            if name in ("monitor-overview", "monitor-feature")
            else f"{name}.png" in text
        )


def test_no_command_of_the_readme_needs_a_terminal() -> None:
    """It is run as printed by a test, with nobody to ask."""
    words = [shlex.split(line, comments=True) for line in command_lines()]
    assert not [line for line in words if "ask" in line]
