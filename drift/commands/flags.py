"""What Typer makes of a command: flags with a value, percentages where a share is expected, policies in the help.

`mlflow run -P shadow=true` arrives as `--shadow true`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer import BadParameter
from typer.core import TyperArgument, TyperCommand, TyperGroup

from drift.system.secrets import masked

UsageError: Any = BadParameter.__bases__[0]  # of Typer, which brings Click with it under a name of its own

TRUE, FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


class MaskedUsage:
    """Of a command or a group: its usage errors show no passwords, where a word that was typed is part of them.

    They are masked before they are laid out: in a frame, a password may be broken over two lines.
    """

    def make_context(self, *words: Any, **details: Any) -> Any:
        """Parse words."""
        with _masked_usage():
            return super().make_context(*words, **details)  # type: ignore[misc]

    def invoke(self, ctx: Any) -> Any:
        """Call the function, or the command of a group."""
        with _masked_usage():
            return super().invoke(ctx)  # type: ignore[misc]


@contextmanager
def _masked_usage() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        error.message = masked(error.message)
        raise


class MaskedGroup(MaskedUsage, TyperGroup):
    """A group of commands whose usage errors show no passwords."""


class PlainShares(MaskedUsage, TyperCommand):
    """A command that asks whether 0.55 was meant where 55 was given for a share between 0 and 1."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Add the question to the error that typer raises."""
        try:
            return super().parse_args(ctx, list(args))
        except BadParameter as error:
            error.message += self._share_meant(ctx, args, error)
            raise

    def _share_meant(self, ctx: Any, args: list[str], error: BadParameter) -> str:
        """The question after a number above 1 and up to 100, a hundredth of which the option takes; else empty."""
        bounds = re.findall(r"\d+(?:\.\d+)?", error.message)
        names = getattr(error.param, "opts", [])
        at = next((at for at, word in enumerate(args) if _underlined(word.partition("=")[0]) in names), None)
        if at is None or not bounds or float(bounds[-1]) > 1:
            return ""
        name, _, value = args[at].partition("=")
        value, rest = (value, args[at + 1 :]) if value else (args[at + 1], args[at + 2 :])
        if not re.fullmatch(r"\d+(\.\d*)?", value) or not 1 < float(value) <= 100:
            return ""
        share = f"{float(value) / 100:.10g}"
        try:
            super().parse_args(type(ctx)(self, parent=ctx.parent), [*args[:at], name, share, *rest])
        except BadParameter as other:
            if other.param is error.param:
                return ""
        return f"; it is a share: did you mean {share}?"


def _underlined(word: str) -> str:
    """An option's name as it is declared: `--max-epochs` is `--max_epochs`."""
    return word.replace("-", "_").replace("__", "--", 1)


class PlainFlags(PlainShares):
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
            flag = flags.get(_underlined(word))
            value = rest[0].lower() if flag and rest else ""
            if flag is None or value not in TRUE | FALSE:
                plain.append(word)
                continue
            rest.pop(0)
            plain += [flag[0]] if value in TRUE else [flag[1]] if flag[1] else []
        return super().parse_args(ctx, plain)


class PolicyHelp(PlainFlags):
    """A command whose help lists every policy: when help is shown, since the list loads the detectors."""

    deployed = False  # whether the policies are to be deployed, not replayed

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show the help, with the registry's policies below it."""
        from drift.policies.describe import policy_lines

        self.epilog = "\n\n".join(["Policies:", *policy_lines(deployed=self.deployed)])
        super().format_help(ctx, formatter)


class DeployedPolicyHelp(PolicyHelp):
    """A command that deploys a policy."""

    deployed = True
