"""The Display Shutter Module (PS3.3 C.7.6.11) of images and presentation states."""

from __future__ import annotations

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.dicom import elements
from mammoviewer.dicom.companions.records import Points, Shutter, circle, from_pixel
from mammoviewer.dicom.elements import Dataset


def read_shutters(dataset: Dataset, notices: list[Notice]) -> tuple[Shutter, ...]:
    """Return the shutters; where there are several, only what is inside of all of them is shown."""
    found = []
    for shape in elements.texts(dataset, "ShutterShape"):
        outline = _READERS.get(shape.upper(), _none)(dataset)
        if len(outline) >= 3:
            found.append(Shutter(outline))
        elif shape:
            text = f"the {shape.lower()} display shutter is not applied"
            notices.append(Notice(Severity.CAUTION, text, "what it hides is shown: look at the collimated part alone"))
    return tuple(found)


def _rectangle(dataset: Dataset) -> Points:
    edges = [
        elements.number(dataset, f"Shutter{name}Edge")
        for name in ("UpperHorizontal", "LowerHorizontal", "LeftVertical", "RightVertical")
    ]
    if None in edges:
        return ()
    top, bottom, left, right = (edge for edge in edges if edge is not None)
    if top > bottom or left > right:
        return ()
    (r0, c0), (r1, c1) = from_pixel(left, top), from_pixel(right, bottom)
    # The edges name pixels, and these are shown whole.
    r0, c0, r1, c1 = r0 - 0.5, c0 - 0.5, r1 + 0.5, c1 + 0.5
    return (r0, c0), (r0, c1), (r1, c1), (r1, c0)


def _circle(dataset: Dataset) -> Points:
    centre = elements.numbers(dataset, "CenterOfCircularShutter")
    radius = elements.number(dataset, "RadiusOfCircularShutter")
    if len(centre) != 2 or centre[0] is None or centre[1] is None or not radius or radius <= 0:
        return ()
    row, column = from_pixel(centre[1], centre[0])
    return circle((row, column), (row, column + radius))


def _polygon(dataset: Dataset) -> Points:
    values = [value for value in elements.numbers(dataset, "VerticesOfThePolygonalShutter") if value is not None]
    return tuple(from_pixel(column, row) for row, column in zip(values[::2], values[1::2], strict=False))


def _none(_dataset: Dataset) -> Points:
    return ()


_READERS = {"RECTANGULAR": _rectangle, "CIRCULAR": _circle, "POLYGONAL": _polygon}
