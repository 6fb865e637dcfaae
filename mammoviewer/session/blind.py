"""Blind reading: what algorithms and other readers say stays hidden until the reader has signed the first read."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mammoviewer.annotations.density import BreastDensity, examination_of
from mammoviewer.annotations.finding import ALGORITHM, Finding, utc_now
from mammoviewer.base.errors import SettingsError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.paths import user_dir, write_text_atomically
from mammoviewer.dicom.image import Image

if TYPE_CHECKING:
    from mammoviewer.session.workspace import Workspace

_LOGGER = logging.getLogger(__name__)
_VERSION = 2


class FirstReads:
    """Which studies were signed, by whom and when; kept in a file of the user's folder by StudyInstanceUID.

    Parameters
    ----------
    path
        The file; it need not exist. One that cannot be read counts as empty, which hides rather than shows.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or user_dir() / "first-reads.json"
        self._signed = self._read()

    def _read(self) -> dict[str, dict[str, str]]:
        """Return what the file holds; one that cannot be used is kept aside, so that signing does not overwrite it."""
        try:
            return _signatures(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            _LOGGER.warning("the list of signed reads cannot be used")
            with contextlib.suppress(OSError):
                self._path.replace(self._path.with_name(f"{self._path.name}.bad"))
            return {}

    def is_signed(self, uid: str, reader: str) -> bool:
        """Return whether a reader has signed the first read of a study."""
        return reader in self._signed.get(uid, {})

    def sign(self, uid: str, reader: str) -> None:
        """Keep that a reader has signed a study; who signed before keeps the first signature.

        Raises
        ------
        SettingsError
            If it cannot be written; the study then counts as not signed.
        """
        # Another window may have signed since, and what one writes the other must not lose.
        for study, by_reader in self._read().items():
            self._signed[study] = {**self._signed.get(study, {}), **by_reader}
        if self.is_signed(uid, reader):
            return
        signed = {**self._signed, uid: {**self._signed.get(uid, {}), reader: utc_now()}}
        try:
            write_text_atomically(self._path, json.dumps({"schema_version": _VERSION, "signed": signed}, indent=1))
        except OSError as error:
            raise SettingsError(f"the signature cannot be kept: {error.strerror}", path=self._path) from error
        self._signed = signed


def _signatures(document: Any) -> dict[str, dict[str, str]]:
    """Return the times by reader by study; a file of the first version has one signature for each study."""
    if document["schema_version"] == 1:
        return {str(uid): {str(e["reader"]): str(e["time"])} for uid, e in document["signed"].items()}
    if document["schema_version"] != _VERSION:
        raise ValueError("another version")
    return {str(uid): {str(r): str(t) for r, t in by.items()} for uid, by in document["signed"].items()}


def ai_hidden(workspace: Workspace, image: Image) -> bool:
    """Return whether what algorithms say of an image is hidden for now."""
    reader = workspace.settings.reader
    return workspace.desk.blind and not workspace.reads.is_signed(examination_of(image.attributes), reader)


def seen_of_readers(workspace: Workspace, image: Image, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings that may be seen: while one reads blind neither algorithms' nor other readers' own."""
    if not ai_hidden(workspace, image):
        return tuple(findings)
    own = workspace.settings.reader
    return tuple(finding for finding in findings if finding.origin != ALGORITHM and finding.reader == own)


def seen_densities(workspace: Workspace, image: Image, densities: Sequence[BreastDensity]) -> tuple[BreastDensity, ...]:
    """Return the densities of the image's examination that may be seen: while one reads blind, one's own alone."""
    examination, hidden = examination_of(image.attributes), ai_hidden(workspace, image)
    own = workspace.settings.reader
    return tuple(d for d in densities if d.study_uid == examination and not (hidden and d.reader != own))


def visible_scores(workspace: Workspace, image: Image) -> tuple[float | None, ...]:
    """Return per frame the largest score of the chosen model; empty while that is hidden or no model is chosen."""
    model = workspace.desk.model
    return workspace.heatmaps.slice_scores(image, model) if model and not ai_hidden(workspace, image) else ()


def switch_blind(workspace: Workspace) -> None:
    """Begin or end reading blind, and say which."""
    desk = workspace.desk
    desk.blind = not desk.blind
    if desk.blind:
        notice = Notice(Severity.INFO, "Blind reading: AI is hidden", "it shows once the first read is signed (Ctrl+J)")
    else:
        notice = Notice(Severity.INFO, "Blind reading is off: AI shows in every study")
    workspace.notice.emit(notice)


def sign_first_read(workspace: Workspace) -> None:
    """Sign the first read of the study that is hung; from then on AI shows in it."""
    study = workspace.study
    if study is None:
        return
    try:
        # Pictures bring no study: each of them is signed for itself.
        for uid in dict.fromkeys(examination_of(image.attributes) for image in study.images):
            workspace.reads.sign(uid, workspace.settings.reader)
    except SettingsError as error:
        workspace.notice.emit(Notice.from_error(error))
        return
    workspace.facts_changed.emit()
    workspace.notice.emit(Notice(Severity.INFO, "First read signed: AI shows in this study"))
