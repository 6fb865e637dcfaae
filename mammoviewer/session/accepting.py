"""A model's mark taken over as a finding of the reader, in both projections where it is matched."""

from __future__ import annotations

import uuid
from dataclasses import replace

from mammoviewer.annotations.birads import birads
from mammoviewer.annotations.edits import AddFinding, CompositeEdit, Edit, ReplaceFinding
from mammoviewer.annotations.finding import READER, Finding, new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import ModelError
from mammoviewer.dicom.image import Image
from mammoviewer.inference.detections import Detection
from mammoviewer.session.marks import partner, slices_text
from mammoviewer.session.workspace import Workspace

_TITLE = "Accept AI mark"


def accept_edit(workspace: Workspace, image: Image, mark: Detection) -> tuple[Edit, Finding]:
    """Return the edit that makes a mark a finding, and that finding.

    It has the box of the mark, the class that the model takes it for in the terms of the reader, the score, and in its
    note the model, the slices and the pair. A mark that is matched becomes a finding in the other projection too, and
    both are linked as one lesion.
    """
    pair = partner(workspace, image, mark)
    lesion = uuid.uuid4().hex if pair is not None else ""
    own = _finding(workspace, image, mark, lesion)
    other = pair.other(image.attributes.identity, mark) if pair is not None else None
    if pair is None or other is None:
        return AddFinding(own, title=_TITLE), own
    beside = workspace.state(other[0]).image
    own = replace(own, note=f"{own.note}; {_beside(beside, other[1], pair.score)}")
    found = accepted(workspace, beside, other[1])
    if found is None:
        theirs = _finding(workspace, beside, other[1], lesion)
        theirs = replace(theirs, note=f"{theirs.note}; {_beside(image, mark, pair.score)}")
        return CompositeEdit((AddFinding(own), AddFinding(theirs)), title=_TITLE), own
    # It was accepted by itself before the mark on this image was known.
    own = replace(own, lesion=found.lesion or lesion)
    edits: tuple[Edit, ...] = (AddFinding(own),)
    if not found.lesion:
        edits = (*edits, ReplaceFinding(found.edited(lesion=lesion)))
    return CompositeEdit(edits, title=_TITLE), own


def accepted(workspace: Workspace, image: Image, mark: Detection) -> Finding | None:
    """Return the finding that a mark has become; the reader may have reshaped it since."""
    top, left, bottom, right = mark.box
    for finding in workspace.annotations.for_image(image.attributes.identity, mark.frame):
        row, column = finding.roi.centre
        same = finding.origin == READER and finding.score == mark.score
        if same and top <= row <= bottom and left <= column <= right:
            return finding
    return None


def _finding(workspace: Workspace, image: Image, mark: Detection, lesion: str) -> Finding:
    top, left, bottom, right = mark.box
    note = f"marked by {workspace.desk.model}: {mark.score:.2f}"
    if image.attributes.frames > 1:
        note += f", {slices_text(mark)}"
    made = new_finding(
        image.attributes.identity,
        mark.frame,
        Roi(RoiKind.RECTANGLE, ((top, left), (bottom, right))),
        _label(workspace, mark),
        note=note,
        score=mark.score,
        reader=workspace.settings.reader,
    )
    return replace(made, lesion=lesion)


def _beside(image: Image, mark: Detection, score: float) -> str:
    view = image.attributes.view.label or image.attributes.path.stem
    return f"also in {view}: {mark.score:.2f}, together {score:.2f}"


def _label(workspace: Workspace, mark: Detection) -> str:
    """Return the class of a mark in the terms of the reader.

    Where the mark tells none, it is that which the chosen model looks for; the class in force when the model is gone.
    """
    if mark.class_name:
        return birads().label_for(mark.class_name)
    try:
        outputs = workspace.registry.get(workspace.desk.model).outputs
    except ModelError:
        return workspace.desk.label
    return birads().label_for(outputs.positive_class)
