"""Deploy the best model and watch it age: `drift deploy` at its own address."""

from drift.cli import run

if __name__ == "__main__":
    run("deploy")
