"""The marks of the chosen model on open images: told once per place of a volume, matched between the projections."""

from __future__ import annotations

from dataclasses import dataclass

from mammoviewer.dicom.image import Image
from mammoviewer.inference.detections import Detection
from mammoviewer.session.blind import ai_hidden
from mammoviewer.session.matched_marks import MarkPair, match_marks
from mammoviewer.session.places import Anatomy
from mammoviewer.session.workspace import Workspace


def marks_of(workspace: Workspace, image: Image) -> tuple[Detection, ...]:
    """Return the marks of the chosen model on all slices of an image, the strongest first; none while AI is hidden."""
    if ai_hidden(workspace, image):
        return ()
    return workspace.heatmaps.marks(image, workspace.desk.model)


def pairs_of(workspace: Workspace, image: Image) -> tuple[MarkPair, ...]:
    """Return how the marks of an image are matched with those of the other projections of its breast, best first.

    Nipples are looked for in the background: ask again when ``workspace.nipples`` tells of another one.
    """
    own = marks_of(workspace, image)
    study = next((study for study in workspace.studies if image in study.images), None)
    if not own or study is None:
        return ()
    pairs: list[MarkPair] = []
    here = _hung(workspace, image)
    for other in study.images:
        view, other_view = image.attributes.view, other.attributes.view
        if other_view.laterality == view.laterality and other_view.position != view.position:
            theirs = marks_of(workspace, other)
            if theirs:
                pairs += match_marks(here, own, _hung(workspace, other), theirs)
    return tuple(sorted(pairs, key=lambda pair: -pair.score))


def partner(workspace: Workspace, image: Image, mark: Detection) -> MarkPair | None:
    """Return the best pair of a mark of an image; None where it is seen in one view alone."""
    identity = image.attributes.identity
    return next((pair for pair in pairs_of(workspace, image) if pair.other(identity, mark) is not None), None)


@dataclass(frozen=True)
class MarkLink:
    """Where a mark is matched: the label of the other view, the image and the mark there, and the score of the pair."""

    view: str
    identity: str
    mark: Detection
    score: float

    @property
    def text(self) -> str:
        """Return it in a few words."""
        return f"also in {self.view}: {self.mark.score:.2f}, pair {self.score:.2f}"


def mark_links(workspace: Workspace, image: Image) -> dict[Detection, MarkLink]:
    """Return where the marks of an image are matched; those seen in one view alone are left out."""
    links: dict[Detection, MarkLink] = {}
    for pair in pairs_of(workspace, image):
        own, other = pair.first, pair.second
        if own[1] not in links:
            attributes = workspace.state(other[0]).image.attributes
            label = attributes.view.label or attributes.path.stem
            links[own[1]] = MarkLink(label, other[0], other[1], pair.score)
    return links


def slices_text(mark: Detection) -> str:
    """Return the slices of a mark as a reader counts them, from 1."""
    if mark.first_frame == mark.last_frame:
        return f"slice {mark.frame + 1}"
    return f"slices {mark.first_frame + 1}–{mark.last_frame + 1}"


def _hung(workspace: Workspace, image: Image) -> Anatomy:
    # As it hangs by its file: what the reader flipped does not move a lesion.
    return Anatomy(image.attributes, image.attributes.orientation, workspace.nipples.of(image))
