"""Flags that are given a value: `mlflow run -P shadow=true` arrives as `--shadow true`."""

from __future__ import annotations

from typing import Any

from typer.core import TyperArgument, TyperCommand

TRUE, FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


class PlainFlags(TyperCommand):
    """A command whose flags may be followed by true or false; one with arguments of its own takes them as they are."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Turn `--flag true` into `--flag`, and `--flag false` into its opposite, or into nothing."""
        if any(isinstance(option, TyperArgument) for option in self.params):
            return super().parse_args(ctx, args)
        flags = {
            name: (option.opts[0], next(iter(option.secondary_opts), None))
            for option in self.params
            if getattr(option, "is_flag", False)
            for name in option.opts
        }
        plain: list[str] = []
        rest = list(args)
        while rest:
            word = rest.pop(0)
            flag = flags.get(word.replace("-", "_").replace("__", "--", 1))
            value = rest[0].lower() if flag and rest else ""
            if flag is None or value not in TRUE | FALSE:
                plain.append(word)
                continue
            rest.pop(0)
            plain += [flag[0]] if value in TRUE else [flag[1]] if flag[1] else []
        return super().parse_args(ctx, plain)
