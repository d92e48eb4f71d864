"""MLflow's autolog inside runs: what a user's code fits with Lightning, scikit-learn or LightGBM lands in its run.

`mlflow.autolog` registers hooks that act when such a library is imported, which costs milliseconds; for scikit-learn,
once it is imported, it wraps every estimator, which costs seconds. The runs that this package opens for itself contain
no fit of scikit-learn that is a user's, only Ax's, so scikit-learn is logged in runs that a user's code opens.
Outside runs nothing is logged: MLflow would make a run of its own for every fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from drift.system.quiet import quiet

ALWAYS_LEFT_OUT = (
    "ag2", "agno", "anthropic", "autogen", "bedrock", "crewai", "dspy", "gemini", "groq", "haystack", "langchain",
    "litellm", "llama_index", "mistral", "openai", "pydantic_ai", "smolagents", "spark", "pyspark.ml", "strands",
    "typesafe",
)  # fmt: skip  # language models and clusters: no part of training here

EVERY = "mlflow"  # under which MLflow keeps the settings of the last mlflow.autolog()

_depth = 0  # runs that are open in this process
_ours: dict[str, Any] | None = None  # settings that were made here for them


@contextmanager
def autologged(*, own: bool) -> Iterator[None]:
    """Let MLflow log what is fitted inside, into the active run; a user's own `mlflow.autolog` stays as it is.

    Args:
        own: whether this package opened the run, which then logs no fits of scikit-learn.
    """
    import mlflow
    from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS

    global _depth, _ours  # noqa: PLW0603  # MLflow's switch is one per process, too
    if _depth == 0 and AUTOLOGGING_INTEGRATIONS.get(EVERY, {}).get("disable", True):
        left_out = [*ALWAYS_LEFT_OUT, *(["sklearn"] if own else [])]
        with quiet():
            mlflow.autolog(log_models=False, silent=True, exclude_flavors=left_out)
        _ours = AUTOLOGGING_INTEGRATIONS.get(EVERY)
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if _depth == 0 and _ours is not None:
            if AUTOLOGGING_INTEGRATIONS.get(EVERY) is _ours:  # else a user called it meanwhile
                with quiet():
                    mlflow.autolog(disable=True, silent=True, exclude_flavors=_ours["exclude_flavors"])
            _ours = None
