"""The sizes to live within: what has grown past them is to be parted at a seam (CONTRIBUTING.md)."""

import ast
from pathlib import Path

import pytest

import mammoviewer

PACKAGE = Path(mammoviewer.__file__).parent
FILE, MAIN_WINDOW, CLASS, FUNCTION = 500, 300, 250, 60


def too_large(text: str, most: int = FILE) -> list[str]:
    """Return what in a file is larger than it may be; signature and docstring count."""
    found = [] if len(text.splitlines()) <= most else [f"the file has {len(text.splitlines())} lines"]
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.end_lineno is None:
            continue
        lines = node.end_lineno - node.lineno + 1
        if lines > (CLASS if isinstance(node, ast.ClassDef) else FUNCTION):
            found.append(f"{node.name} has {lines} lines")
    return found


def test_no_file_class_or_function_is_too_large():
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        larger = too_large(path.read_text(encoding="utf-8"), MAIN_WINDOW if name == "gui/main_window.py" else FILE)
        if larger:
            found[name] = larger
    assert found == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def f():\n" + "    x = 1\n" * 59, []),
        ("def f():\n" + "    x = 1\n" * 60, ["f has 61 lines"]),
        ("class C:\n" + "    x = 1\n" * 249, []),
        ("class C:\n" + "    x = 1\n" * 250, ["C has 251 lines"]),
        ("x = 1\n" * 501, ["the file has 501 lines"]),
    ],
)
def test_the_limits_are_kept_to_the_line(text, told):
    assert too_large(text) == told
