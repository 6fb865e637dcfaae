"""Whatever is refused or cautioned of a file comes with what can be done about it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import mammoviewer.dicom
from mammoviewer.dicom import remedies

ROOM = Path(mammoviewer.dicom.__file__).parent
# The decoders are asked through frames.py, which adds the remedy; the options and the profile are no files of images.
WITHOUT = (
    "decoders", "htj2k", "jpeg_lossless", "fallback_decoders", "deidentify_options", "deidentify_profile",
)  # fmt: skip
FILES = [path for path in sorted(ROOM.rglob("*.py")) if path.stem not in WITHOUT]
ERRORS = ("InputError", "UnsupportedError", "DecodeError", "CompanionFile", "ExportError")


def without_remedy(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        named = {keyword.arg for keyword in node.keywords}
        if node.func.id in ERRORS and "hint" not in named:
            yield node.lineno
        if node.func.id == "Rejected" and len(node.args) < 3 and "hint" not in named:
            yield node.lineno
        caution = node.func.id == "Notice" and "CAUTION" in ast.unparse(node.args[0])
        if caution and len(node.args) < 3 and "hint" not in named:
            yield node.lineno


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_refusals_and_cautions_have_a_hint(path: Path) -> None:
    assert list(without_remedy(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_remedies_are_plain_words() -> None:
    texts = [text for name, text in vars(remedies).items() if name.isupper()]
    assert len(texts) > 4
    for text in texts:
        assert text[0].islower()
        assert not text.endswith(".")
        assert len(text) < 90
