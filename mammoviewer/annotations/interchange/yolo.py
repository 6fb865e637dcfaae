"""YOLO label files, both ways: ``class x y width height``, as shares of the image; classes are in ``classes.txt``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mammoviewer.annotations.finding import ALGORITHM, READER, Finding, new_finding
from mammoviewer.annotations.interchange.boxes import Box, boxes_inside
from mammoviewer.annotations.interchange.named_images import find_frame
from mammoviewer.annotations.interchange.transfer import DESCRIPTION, Imported, Losses, count_unsaid, without_measures
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import AnnotationError, ExportError
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.dicom.attributes import ImageAttributes

CLASSES = "classes.txt"
_UNLABELLED = "unlabelled"


def class_names(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the classes of findings in the order of their numbers."""
    return tuple(sorted({" ".join((f.label or _UNLABELLED).split()) for f in findings if not f.is_measure}))


def write_classes(folder: Path, names: Sequence[str]) -> tuple[Path, Path]:
    """Write ``classes.txt``, and ``data.yaml`` as training programs ask for it; return both."""
    listed = "".join(f"  {number}: {json.dumps(name, ensure_ascii=False)}\n" for number, name in enumerate(names))
    yaml = f"path: .\ntrain: images\nval: images\nnames:\n{listed}"
    _write(folder / CLASSES, "".join(f"{name}\n" for name in names))
    _write(folder / "data.yaml", yaml)
    return folder / CLASSES, folder / "data.yaml"


def write_yolo(
    path: Path, findings: Sequence[Finding], image: ImageAttributes, frame: int, names: Sequence[str]
) -> Losses:
    """Write the boxes of one frame.

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    losses: Losses = Counter()
    kept = without_measures((f for f in findings if f.frame == frame), losses, "YOLO")
    count_unsaid(kept, losses, "YOLO", "note", "assessment", "reader", *DESCRIPTION)
    lines = []
    for finding, box in boxes_inside(((f, image.shape) for f in kept), losses, "YOLO"):
        number = names.index(" ".join((finding.label or _UNLABELLED).split()))
        values = (
            (box.left + box.right) / 2 / image.columns,
            (box.top + box.bottom) / 2 / image.rows,
            box.width / image.columns,
            box.height / image.rows,
        )
        score = "" if finding.score is None else f" {finding.score!r}"
        lines.append(f"{number} {' '.join(f'{value:.12g}' for value in values)}{score}\n")
    _write(path, "".join(lines))
    return losses


def _write(path: Path, text: str) -> None:
    try:
        write_text_atomically(path, text)
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror}", path=path) from error


def read_yolo(path: Path, images: Sequence[ImageAttributes]) -> Imported:
    """Return the findings of a label file: boxes, with a score where a sixth number follows, and outlines.

    The image is told by the file's name, the classes by ``classes.txt`` beside it or in the folder above.

    Raises
    ------
    AnnotationError
        If the file cannot be read or a line is not as YOLO has it.
    """
    losses: Losses = Counter()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError("cannot be read as text", path=path) from error
    place = find_frame(images, path.name)
    if place is None and len(images) == 1 and images[0].frames == 1:
        place = images[0], 0
    if place is None:
        losses["boxes on images that are not open"] += len(lines)
        return Imported((), losses)
    names = _names(path)
    findings = []
    for line, text in enumerate(lines, start=1):
        words = text.split()
        if words:
            findings.append(_finding(words, place, names, line, path))
    return Imported(tuple(findings), losses)


def _names(path: Path) -> list[str]:
    for folder in (path.parent, path.parent.parent):
        try:
            return (folder / CLASSES).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
    return []


def _finding(
    words: Sequence[str], place: tuple[ImageAttributes, int], names: Sequence[str], line: int, path: Path
) -> Finding:
    image, frame = place
    try:
        number, values = int(words[0]), [float(word) for word in words[1:]]
        roi, score = _region(values, image)
        label = names[number] if 0 <= number < len(names) else f"class {number}"
    except (ValueError, AnnotationError) as error:
        raise AnnotationError(f"line {line} is not as YOLO has it", path=path) from error
    origin = READER if score is None else ALGORITHM
    label = "" if label == _UNLABELLED else label
    return new_finding(image.identity, frame, roi, label, score=score, origin=origin)


def _region(values: Sequence[float], image: ImageAttributes) -> tuple[Roi, float | None]:
    if len(values) in (4, 5):
        x, y, width, height = (v * size for v, size in zip(values, (image.columns, image.rows) * 2, strict=False))
        score = values[4] if len(values) == 5 else None
        return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2).roi(), score
    if len(values) >= 6 and len(values) % 2 == 0:
        pairs = zip(values[::2], values[1::2], strict=True)
        return Roi(RoiKind.POLYGON, tuple((y * image.rows - 0.5, x * image.columns - 0.5) for x, y in pairs)), None
    raise ValueError("neither a box nor an outline")
