"""The acquisition facts that stand in the corners of a picture, in the words and units of IHE MAMMO."""

from __future__ import annotations

from mammoviewer.dicom import elements
from mammoviewer.dicom.elements import Dataset

_NUMBERS = (
    ("KVP", "kVp", "", 1.0),
    ("Exposure", "Exposure", "mAs", 1.0),
    ("ExposureInuAs", "Exposure", "mAs", 1e-3),
    ("ExposureTime", "Exposure time", "ms", 1.0),
    ("CompressionForce", "Compression force", "N", 1.0),
    ("BodyPartThickness", "Thickness", "mm", 1.0),
    ("PositionerPrimaryAngle", "Angle", "°", 1.0),
    ("RelativeXRayExposure", "Relative exposure", "", 1.0),
    ("OrganDose", "Organ dose", "dGy", 1.0),
    ("EntranceDoseInmGy", "Entrance dose", "mGy", 1.0),
)


def read_facts(dataset: Dataset) -> tuple[tuple[str, str], ...]:
    """Return (label, value with unit) of what the file tells of the acquisition, each label once."""
    places = [dataset, *elements.sequence(dataset, "XRay3DAcquisitionSequence")[:1]]
    found: dict[str, str] = {}
    for keyword, label, unit, factor in _NUMBERS:
        number = next((value for place in places if (value := elements.number(place, keyword)) is not None), None)
        if number is not None and label not in found:
            # Adding 0 turns the -0 of some devices into 0.
            found[label] = f"{number * factor + 0.0:.4g} {unit}".rstrip()
    materials = [
        next((name for place in places if (name := elements.text(place, keyword))), "")
        for keyword in ("AnodeTargetMaterial", "FilterMaterial")
    ]
    if any(materials):
        found["Anode / filter"] = " / ".join(name.capitalize() or "?" for name in materials)
    if elements.text(dataset, "PartialView") == "YES":
        found["Partial view"] = "PARTIAL"
    if elements.text(dataset, "BreastImplantPresent") == "YES":
        found["Implant"] = "IMPLANT"
    return tuple(found.items())
