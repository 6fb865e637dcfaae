"""What is hung: the study with its prior, the protocol, the stages they give, and which of them is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mammoviewer.dicom.image import Image
from mammoviewer.dicom.study import Study
from mammoviewer.session.hanging import Stage, hang
from mammoviewer.session.priors import priors_of
from mammoviewer.session.protocol import Protocol, load_protocol, protocols


class Hung:
    """Plain state without signals; the workspace tells of changes.

    Parameters
    ----------
    protocol
        Name of the protocol to begin with; the bundled one where there is none of that name.
    """

    def __init__(self, protocol: str = "") -> None:
        self.protocol = next((p for p in reversed(protocols()[0]) if p.name == protocol), None) or load_protocol()
        self.study: Study | None = None
        self.studies: tuple[Study, ...] = ()
        self.stages: tuple[Stage, ...] = ()
        self.stage_index = 0
        self._prior_uid: str | None = None

    @property
    def priors(self) -> tuple[Study, ...]:
        """Return the open priors of the study, the newest first."""
        return priors_of(self.study, self.studies) if self.study is not None else ()

    @property
    def prior(self) -> Study | None:
        """Return the prior that is compared with, None when there is none."""
        return next((study for study in self.priors if study.StudyInstanceUID == self._prior_uid), None)

    def take(self, study: Study, studies: Sequence[Study]) -> None:
        """Hang a study from its first stage, with its newest prior."""
        self.study, self.studies = study, tuple(studies)
        priors = self.priors
        self._prior_uid = priors[0].StudyInstanceUID if priors else None
        self._hang()
        self.stage_index = 0

    def replace(self, study: Study | None, studies: Sequence[Study]) -> None:
        """Take newer readings of the same studies; the stages stay."""
        self.study, self.studies = study, tuple(studies)

    def compare_with(self, prior: Study) -> None:
        """Choose another prior; hang again to see it."""
        self._prior_uid = prior.StudyInstanceUID

    def choose_protocol(self, protocol: Protocol) -> None:
        """Choose another protocol; hang again to see it."""
        self.protocol = protocol

    def hang_again(self, identity: str) -> None:
        """Hang the study anew; on the stage of the same title, or one that shows the image, or the first."""
        title = self.stages[self.stage_index].title if self.stages else ""
        self._hang()
        same = [n for n, stage in enumerate(self.stages) if stage.title == title]
        showing = [n for n, stage in enumerate(self.stages) if identity and identity in stage.cells]
        self.stage_index = (same or showing or [0])[0]

    def alone(self, image: Image) -> int:
        """Return the stage that shows one image alone; made at the end where there is none."""
        identity = image.attributes.identity
        found = next((i for i, stage in enumerate(self.stages) if stage.cells == (identity,)), None)
        if found is not None:
            return found
        self.stages = (*self.stages, Stage(image.attributes.view.label or "Image", 1, 1, (identity,)))
        return len(self.stages) - 1

    def put(self, cell: int, identity: str) -> None:
        """Put an image into a cell of the stage that is shown, until the study is hung again."""
        stage = self.stages[self.stage_index]
        cells = tuple(identity if place == cell else before for place, before in enumerate(stage.cells))
        changed = replace(stage, cells=cells)
        self.stages = (*self.stages[: self.stage_index], changed, *self.stages[self.stage_index + 1 :])

    def step_prior(self, step: int) -> bool:
        """Choose an older (1) or newer (-1) prior; return whether there is one. Hang again to see it."""
        priors, prior = self.priors, self.prior
        if prior is None or not 0 <= priors.index(prior) + step < len(priors):
            return False
        self.compare_with(priors[priors.index(prior) + step])
        return True

    def counterpart(self, image: Image) -> Image | None:
        """Return the image of the same view and kind in the study that is compared with; None where there is none."""
        prior = self.prior
        if self.study is None or prior is None:
            return None
        others = self.study.images if self.is_prior(image) else prior.images
        view, volume = image.attributes.view, image.attributes.frames > 1
        same = [other for other in others if other.attributes.view.label == view.label != ""]
        alike = [other for other in same if (other.attributes.frames > 1) == volume]
        return next(iter(alike or same), None)

    def is_prior(self, image: Image) -> bool:
        """Return whether an image belongs to another study than the one that is hung."""
        return self.study is not None and image not in self.study.images

    def _hang(self) -> None:
        assert self.study is not None
        prior = self.prior
        self.stages = hang(self.study.images, self.protocol, prior.images if prior is not None else ())
