"""How the package is divided, by one script for any checkout: what `docs/decisions/0024-layout.md` reports.

    python -m benchmarks.layout [CHECKOUT ...]

Printed for each checkout, this one by default: modules; lines of code without docstrings, comments and blank lines;
class names that occur more than once; the folders with the most modules; and the edges between the groups of each part:
pairs of which one imports the other, where a group is a subpackage, or a module beside subpackages.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter
from pathlib import Path

PARTS = ("monitor", "loop", "detect", "images", "replay", "replays", "serving", "tracking")
NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
}  # fmt: skip


def code_lines(text: str) -> int:
    """Lines of a module that hold code, without docstrings.

    >>> code_lines('# a comment' + chr(10) + 'x = 1')
    1
    """
    documented: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            documented |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    lines = {at for token in tokens if token.type not in NO_CODE for at in range(token.start[0], token.end[0] + 1)}
    return len(lines - documented)


def imported(text: str, modules: set[str]) -> set[str]:
    """Modules of ours that a module's text imports by `from`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            full = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            names |= {full[alias] if full[alias] in modules else node.module for alias in full} & modules
    return names


def report(checkout: Path) -> list[str]:
    """The lines of one checkout."""
    files = sorted((checkout / "drift").rglob("*.py"))
    texts = {
        ".".join(file.relative_to(checkout).with_suffix("").parts).removesuffix(".__init__"): file.read_text()
        for file in files
    }
    edges = {name: imported(text, set(texts)) - {name} for name, text in texts.items()}
    classes = Counter(
        node.name for text in texts.values() for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)
    )
    folders = Counter(file.parent for file in files if file.name != "__init__.py")
    largest = ", ".join(f"{folder.relative_to(checkout)} {count}" for folder, count in folders.most_common(5))
    lines = [
        f"{checkout}: {len(texts)} modules, {sum(map(code_lines, texts.values())):,} lines of code,"
        f" {sum(count > 1 for count in classes.values())} class names more than once",
        f"  largest folders: {largest}",
        f"  edges between parts: {len(_between(edges, 'drift'))}",
    ]
    for part in PARTS:
        if f"drift.{part}" in texts:
            lines.append(f"  edges between groups of {part}: {len(_between(edges, f'drift.{part}'))}")
    return lines


def _between(edges: dict[str, set[str]], package: str) -> set[tuple[str, str]]:
    """Pairs of groups of a package, one of which imports the other."""
    inside = f"{package}."
    own = {name: name.removeprefix(package).removeprefix(".").split(".")[0] for name in edges
           if name == package or name.startswith(inside)}  # fmt: skip
    pairs = ((own[name], own[other]) for name in own for other in edges[name] if other in own)
    return {(first, second) for first, second in pairs if first != second}


if __name__ == "__main__":
    for checkout in map(Path, sys.argv[1:] or [str(Path(__file__).parents[1])]):
        print("\n".join(report(checkout.resolve())))
