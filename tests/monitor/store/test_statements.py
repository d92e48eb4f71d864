"""No statement is put together from values: they are bound, but for constants of the code and a user's own query."""

from __future__ import annotations

import ast
from pathlib import Path

import drift

ROOT = Path(drift.__file__).parent
PARTS = ("monitor", "data")
OWN_QUERY = {r"self._query.replace(':', '\\:') + '\n'"}  # the SELECT that a user has asked for, run read only


def statements() -> list[tuple[str, ast.expr]]:
    """Every text that is given to a database as one, with the file it stands in."""
    found = []
    for path in sorted(path for part in PARTS for path in (ROOT / part).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("sql.text", "connection.exec_driver_sql"):
                found.append((str(path.relative_to(ROOT)), node.args[0]))
    return found


def test_statements_are_constants() -> None:
    there = statements()
    assert len(there) >= 5
    for file, given in there:
        if isinstance(given, ast.Constant) or ast.unparse(given) in OWN_QUERY:
            continue
        if isinstance(given, ast.IfExp):  # one of two constants
            assert isinstance(given.body, ast.Constant) and isinstance(given.orelse, ast.Constant), file
            continue
        assert isinstance(given, ast.JoinedStr), f"{file}: {ast.unparse(given)}"
        parts = [part.value for part in given.values if isinstance(part, ast.FormattedValue)]
        assert all(isinstance(part, ast.Name) and part.id.isupper() for part in parts), f"{file}: {ast.unparse(given)}"


def test_names_of_tables_and_columns_are_quoted_by_the_library() -> None:
    text = (ROOT / "data" / "readers" / "sql.py").read_text()
    assert "literal_column" not in text and "sql.table(" in text and "sql.column(" in text
