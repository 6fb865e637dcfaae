"""The facts of the active image that matter, and its whole header to search in."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from mammoviewer.base.progress import Progress
from mammoviewer.dicom.attributes import ImageAttributes
from mammoviewer.dicom.character_sets import CHARSETS
from mammoviewer.dicom.companions.records import Companion
from mammoviewer.dicom.image import Image
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.bridge import bind, bind_values, when_over
from mammoviewer.gui.canvas.corner_text import window_text
from mammoviewer.gui.panels.header_tree import HeaderRow, HeaderTree
from mammoviewer.gui.panels.parts import PADDING, CalmCombo, FactGrid, column, label, scrolling, section
from mammoviewer.imaging.voi import AUTO, Window
from mammoviewer.jobs.job import Job, JobState
from mammoviewer.session.blind import ai_hidden
from mammoviewer.session.companion_words import companion_lines
from mammoviewer.session.hanging import KIND_TITLES
from mammoviewer.session.image_facts import reread_texts
from mammoviewer.session.viewer_state import ViewerState
from mammoviewer.session.workspace import Workspace

_FIRST = 5
"""What the image is and how large comes before what it is shown with."""
_SIDES = {"R": "right", "L": "left", "B": "both"}
_SHOWN_WITH = ("frame", "voi", "window_pending", "presentation")


def view_facts(state: ViewerState) -> list[tuple[str, str]]:
    """Return what the picture on screen rests on: the window and where it is from, and who decoded the pixels."""
    window = window_text(state.voi)
    return [("Window", f"{window}, {window_source(state)}"), ("Decoder", state.image.decoder or "nothing decoded yet")]


def window_source(state: ViewerState) -> str:
    """Return where the window in force comes from."""
    if state.window_pending:
        return "until one is made from the grey values"
    if any(voi is state.voi or voi == state.voi for voi in state.image.attributes.vois_for_frame(state.frame)):
        return "of the file"
    if isinstance(state.voi, Window) and state.voi.explanation == AUTO:
        return "made from the grey values"
    return "of a presentation state" if state.presentation and state.voi.explanation else "set by hand"


def image_facts(attributes: ImageAttributes) -> list[tuple[str, str]]:
    """Return what a reader looks up most: what the image is, how large, how made."""
    spacing = attributes.pixel_spacing
    size = f"{attributes.columns} x {attributes.rows} px, {attributes.BitsStored} bit"
    made_by = " ".join(part for part in (attributes.Manufacturer, attributes.ManufacturerModelName) if part)
    facts = [
        ("Kind", KIND_TITLES[attributes.kind]),
        ("View", attributes.view.label or "not stated"),
        ("Laterality", _SIDES.get(attributes.view.laterality, "not stated")),
        ("Size", size if attributes.frames == 1 else f"{size}, {attributes.frames} slices"),
        (
            "Pixel",
            f"{spacing.row_mm:.4g} x {spacing.column_mm:.4g} {spacing.source}" if spacing else "uncalibrated",
        ),
    ]
    if attributes.slice_spacing_mm:
        facts.append(("Slices", f"{attributes.slice_spacing_mm:.3g} mm apart"))
    facts += [("Made by", made_by), ("Intent", attributes.PresentationIntentType), *attributes.facts]
    if attributes.lossy:
        facts.append(("Compression", "lossy"))
    return [(name, value) for name, value in facts if value]


def companion_facts(companions: Iterable[Companion], image: Image) -> list[tuple[str, str]]:
    """Return kind and content of each companion of an image."""
    return [
        (companion.kind[:1].upper() + companion.kind[1:], "\n".join(companion_lines(companion, image)))
        for companion in companions
    ]


class DetailsPanel(QWidget):
    """The tab of facts and header; the header is read in the background."""

    def __init__(self, workspace: Workspace, active: ActiveView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._active = active
        self._stale = False
        self._facts = FactGrid()
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search the header")
        self._search.setClearButtonEnabled(True)
        self._tree = HeaderTree()
        self._search.textChanged.connect(self._tree.search)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        self._companions = FactGrid()
        self._companion_section = section("Companions", self._companions)
        facts = scrolling([section("This image", self._facts), self._companion_section, None])
        outer.addWidget(facts, 2)
        self._charset = CalmCombo()
        self._charset.setAccessibleName("Character set of the texts")
        self._charset.setToolTip("Read names and other texts of this study by another character set")
        self._charset.setPlaceholderText("Character set: as in the file")
        self._charset.show_choices(CHARSETS, None)
        self._charset.activated.connect(self._choose_charset)
        lower = column([label("HEADER", "section"), self._search, self._charset, self._tree])
        lower.setContentsMargins(PADDING, PADDING // 2, PADDING, PADDING)
        outer.addLayout(lower, 3)
        active.switched.connect(self.refresh)
        active.changed.connect(lambda name: self._refresh_facts() if name in _SHOWN_WITH else None)
        for signal in (workspace.shelf.changed, workspace.desk.events.blind):
            bind(self, signal, self._refresh_companions)
        bind(self, workspace.facts_changed, self.refresh)
        bind_values(self, workspace.pictures.ready, self._decoded)
        self.refresh()

    @property
    def fact_lines(self) -> tuple[tuple[str, str], ...]:
        """Return the facts that are shown of the image."""
        return self._facts.lines

    @property
    def companion_lines(self) -> tuple[tuple[str, str], ...]:
        """Return kind and content of the companions that are listed."""
        return self._companions.lines

    @property
    def shown_rows(self) -> int:
        """Return how many elements the search leaves."""
        return self._tree.shown_rows

    def search(self, text: str) -> None:
        """Show the elements that hold a text."""
        self._search.setText(text)

    def refresh(self) -> None:
        """Show the active image; while the panel lies behind another this waits until it is seen."""
        self._stale = self.parentWidget() is not None and not self.isVisible()
        if self._stale:
            return
        state = self._active.state
        self._tree.show_rows([])
        self._search.setEnabled(state is not None)
        self._refresh_companions()
        if state is None:
            return
        image = state.image

        def work(progress: Progress) -> list[HeaderRow]:
            return image.header_text()

        job = self._workspace.decoding.submit("Header", work, key="header", priority=1)
        when_over(self, job, self._take)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Catch up with what changed meanwhile."""
        super().showEvent(event)
        if self._stale:
            self.refresh()

    def _choose_charset(self, index: int) -> None:
        if self._active.state is not None:
            reread_texts(self._workspace, str(self._charset.itemData(index)))

    def _refresh_facts(self) -> None:
        if self._stale:
            return
        state = self._active.state
        if state is None:
            self._facts.show_facts([("Image", "none open")])
            return
        known = image_facts(state.image.attributes)
        warnings = [
            ("Warning", f"{notice.text} ({notice.hint})" if notice.hint else notice.text)
            for notice in state.image.attributes.warnings
        ]
        doses = self._workspace.shelf.dose_facts(state.image)
        self._facts.show_facts([*known[:_FIRST], *view_facts(state), *warnings, *known[_FIRST:], *doses])

    def _refresh_companions(self) -> None:
        """Show what other objects tell of the image; the doses among it are facts of the image itself."""
        if self._stale:
            return
        state = self._active.state
        self._refresh_facts()
        lines: list[tuple[str, str]] = []
        if state is not None and not ai_hidden(self._workspace, state.image):
            shelf = self._workspace.shelf
            lines = companion_facts(shelf.of(state.image), state.image)
        self._companions.show_facts(lines)
        self._companion_section.setVisible(bool(lines))

    def _decoded(self, identity: str, _frame: int) -> None:
        """Tell the decoder, which is known only when a frame has been decoded."""
        state = self._active.state
        if state is not None and identity == state.image.attributes.identity:
            self._refresh_facts()

    def _take(self, job: Job) -> None:
        if job.state is JobState.DONE:
            self._tree.show_rows(job.result)
