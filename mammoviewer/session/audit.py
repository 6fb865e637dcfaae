"""The log of who changed what in the open study, as a table for whoever has to account for labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from mammoviewer.annotations.change_log import described
from mammoviewer.annotations.density import examination_of
from mammoviewer.annotations.finding import Finding
from mammoviewer.base.errors import ExportError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.base.progress import Progress
from mammoviewer.jobs.job import Job
from mammoviewer.session.blind import seen_densities, seen_of_readers
from mammoviewer.session.workspace import Workspace

COLUMNS = ("time", "reader", "done", "change", "kind", "of", "frame", "label", "id", "session")


def audit_csv(workspace: Workspace) -> str:
    """Return every logged change of the open study's findings and densities, the oldest first, as CSV.

    Who reads blind gets what may be seen alone. ``done`` is edit, merge (one step with the line before), undo or redo;
    ``of`` is the UID of the image or the examination; frames count from 1.

    Raises
    ------
    AnnotationError
        If the library cannot be read.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_lines(workspace))
    return out.getvalue()


def save_audit(workspace: Workspace, path: Path) -> Job:
    """Write :func:`audit_csv` to a file in the background and tell how that went."""

    def work(progress: Progress) -> None:
        text = audit_csv(workspace)
        try:
            write_text_atomically(path, text)
        except OSError as error:
            hint = "choose a folder that can be written"
            raise ExportError(f"cannot be written: {error.strerror}", hint=hint, path=path) from error
        count = text.count("\n") - 1
        told = f"The log of {count} change{'' if count == 1 else 's'} is in {path.name}"
        workspace.notice.emit(Notice(Severity.INFO, told))

    return workspace.decoding.submit("Log of changes", work, on_done=workspace.tell)


def _lines(workspace: Workspace) -> Iterator[tuple[object, ...]]:
    study = workspace.study
    images = {image.attributes.identity: image for image in (study.images if study is not None else ())}
    examined = {examination_of(image.attributes): image for image in images.values()}
    for entry in workspace.store.logged():
        change = described(entry)
        record = change.after or change.before
        if record is None:
            continue
        if isinstance(record, Finding):
            about, frame, label = record.image_uid, str(record.frame + 1), record.label
            image = images.get(about)
            seen = image is not None and bool(seen_of_readers(workspace, image, (record,)))
        else:
            about, frame, label = record.study_uid, "", record.laterality
            image = examined.get(about)
            seen = image is not None and bool(seen_densities(workspace, image, (record,)))
        if seen:
            what = (entry.time, entry.reader, entry.step.act.value, change.what, entry.kind)
            yield *what, about, frame, label, entry.record_id, entry.session
