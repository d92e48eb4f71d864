"""Train the base model: `drift base` at the address that `mlflow run .` calls."""

from drift.cli import run

if __name__ == "__main__":
    run("base")
