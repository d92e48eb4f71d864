"""Train the base model: `drift base` at the address that `mlflow run .` calls."""

from drift.__main__ import main

if __name__ == "__main__":
    main("base")
