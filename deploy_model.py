"""Deploy the best model and watch it age: `drift deploy` at its own address."""

from drift.__main__ import main

if __name__ == "__main__":
    main("deploy")
