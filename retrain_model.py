"""Train a challenger and promote it if it is better: `drift retrain` at its own address."""

from drift.cli import run

if __name__ == "__main__":
    run("retrain")
