"""Run a command that dies, as by `kill -9`, just before or just after one call.

    python die_at.py {before|after} MODULE:CLASS.METHOD TEXT -- deploy ...

dies at the first call of the method whose arguments, written out, hold TEXT.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from typing import Any


def die_at(moment: str, place: str, text: str) -> None:
    """Replace the method by one that ends this process."""
    module_name, qualified = place.split(":")
    class_name, method_name = qualified.split(".")
    owner = getattr(importlib.import_module(module_name), class_name)
    method = getattr(owner, method_name)

    @functools.wraps(method)
    def dies(self: Any, *args: Any, **kwargs: Any) -> Any:
        hit = text in repr(args)
        if hit and moment == "before":
            os._exit(9)
        result = method(self, *args, **kwargs)
        if hit:
            os._exit(9)
        return result

    setattr(owner, method_name, dies)


if __name__ == "__main__":
    split = sys.argv.index("--")
    die_at(*sys.argv[1:split])
    sys.argv = ["drift", *sys.argv[split + 1 :]]
    from drift.__main__ import main

    main()
