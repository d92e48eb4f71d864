"""`python -m drift`: the `drift` command where the package is on the path but not installed."""

from drift.cli import main

if __name__ == "__main__":
    main()
