"""What to tell the user of what was opened, and of what was not."""

from __future__ import annotations

from collections.abc import Sequence

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom.companions.records import Companion
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.raster import UNSIZED
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.session.companions import belongs


def opening_notices(result: OpenResult, images: Sequence[Image]) -> tuple[Notice, ...]:
    """Return what to say of what was opened; ``images`` are all that are open, these ones among them.

    Of a pixel size that is missing nothing is said: whoever can ask for it does.
    """
    return (*_of_files(result), *_left_alone(result.companions, images))


def _left_alone(companions: Sequence[Companion], images: Sequence[Image]) -> list[Notice]:
    """Return what to say of companions whose images are not open."""
    alone = [item for item in companions if not any(belongs(item, image) for image in images)]
    return [
        Notice(Severity.INFO, f"{item.path.name}: a {item.kind} of images that are not open", "open its images too")
        for item in alone[:5]
    ]


def _of_files(result: OpenResult) -> list[Notice]:
    rejected = [
        Notice(
            Severity.CAUTION,
            f"{item.path.name}: {item.reason}",
            item.hint,
            header_of=item.path if item.has_header else None,
        )
        for item in result.rejected[:5]
    ]
    if len(result.rejected) > 5:
        rejected.append(Notice(Severity.CAUTION, f"{len(result.rejected) - 5} more files were left out"))
    warnings = (notice for image in result.images for notice in image.attributes.warnings)
    return [*rejected, *(notice for notice in warnings if notice != UNSIZED)]
