"""The boxes of the Duke BCS-DBT data set (Buda 2021; CC BY-NC 4.0), brought to where they lie in the stored pixels.

``BCS-DBT-boxes-*.csv`` has the columns PatientID, StudyUID, View, Subject, Slice, X, Y, Width, Height, Class, AD and
VolumeSlices. X and Y are the first column and row of the box, Slice counts from 0 in the order of the file, all in the
volume as the data set's convention turns it (see :mod:`mammoviewer.dicom.duke`).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.arrays import StoredArray
from mammoviewer.base.errors import InputError
from mammoviewer.dicom.duke import stored_points


@dataclass(frozen=True)
class DukeBox:
    """One line of the table: a box of ``rows`` x ``columns`` pixels whose first one is (``row``, ``column``)."""

    patient: str
    study: str
    view: str
    file_frame: int
    row: int
    column: int
    rows: int
    columns: int
    label: str

    def roi(self, first_frame: StoredArray) -> Roi:
        """Return the box as a rectangle around its pixels as stored.

        ``first_frame`` is the first one of the file, (rows, columns): its borders tell whether the volume is turned.
        """
        last = self.row + self.rows - 1, self.column + self.columns - 1
        corners = np.array([(self.row - 0.5, self.column - 0.5), (last[0] + 0.5, last[1] + 0.5)])
        one, other = stored_points(corners, first_frame, self.view[0])
        (top, left), (bottom, right) = np.minimum(one, other).tolist(), np.maximum(one, other).tolist()
        return Roi(RoiKind.RECTANGLE, ((top, left), (bottom, right)))


def load_duke_boxes(table: Path) -> tuple[DukeBox, ...]:
    """Return the boxes of a table in its order.

    Raises
    ------
    InputError
        It cannot be read, lacks a column, or has a line that is no box of a right or left breast.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as handle:
            return tuple(_box(line) for line in csv.DictReader(handle))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("the table of boxes cannot be read", path=table) from error
    except KeyError as error:
        raise InputError(f"the table of boxes has no column {error}", path=table) from error
    except (ValueError, TypeError) as error:
        raise InputError(f"the table of boxes has a line that is no box: {error}", path=table) from error


def _box(line: dict[str, str]) -> DukeBox:
    box = DukeBox(
        patient=line["PatientID"],
        study=line["StudyUID"],
        view=line["View"].strip().upper(),
        file_frame=int(line["Slice"]),
        row=int(line["Y"]),
        column=int(line["X"]),
        rows=int(line["Height"]),
        columns=int(line["Width"]),
        label=line["Class"].strip(),
    )
    if box.view[:1] not in ("R", "L"):
        raise ValueError(f"the view {box.view!r} names no side")
    if min(box.file_frame, box.row, box.column) < 0 or min(box.rows, box.columns) < 1:
        raise ValueError("its numbers cannot be")
    return box
