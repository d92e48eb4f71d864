"""Train a challenger and promote it if it is better: `drift retrain` at its own address."""

from drift.__main__ import main

if __name__ == "__main__":
    main("retrain")
