"""Laterality and view of a mammogram from coded and plain elements, in every coding scheme that files use."""

from __future__ import annotations

from collections.abc import Sequence

from mammoviewer.dicom import elements
from mammoviewer.dicom.attributes import View
from mammoviewer.dicom.elements import Dataset

# CID 4014: code value -> position. SCT, then SRT and SNM3 which use the same R- codes, then older SNM3.
_POSITIONS = {
    "399162004": "CC", "R-10242": "CC",
    "399368009": "MLO", "R-10226": "MLO",
    "399260004": "ML", "R-10224": "ML",
    "399352003": "LM", "R-10228": "LM",
    "399099002": "LMO", "R-10230": "LMO",
    "399196006": "FB", "R-10244": "FB",
    "399188001": "SIO", "R-102D0": "SIO",
    "441555000": "ISO", "R-40AAA": "ISO",
    "399192008": "XCCL", "R-1024A": "XCCL", "Y-X1770": "XCCL",
    "399101009": "XCCM", "R-1024B": "XCCM", "Y-X1771": "XCCM",
    "399265009": "XCC", "R-102CF": "XCC",
}  # fmt: skip

# CID 4015: code value -> part of the label.
_MODIFIERS = {
    "399161006": "CV", "R-102D2": "CV",
    "399011000": "AT", "R-102D1": "AT",
    "399110001": "TAN", "R-102C2": "TAN",
    "399163009": "M", "R-102D6": "M",
    "399055006": "S", "R-102D7": "S",
    "399197002": "RL", "R-102D3": "RL",
    "399226006": "RM", "R-102D4": "RM",
    "414493004": "RI", "R-102CA": "RI",
    "415670009": "RS", "R-102C9": "RS",
    "399209000": "ID", "R-102D5": "ID",
    "442581004": "NP", "R-40AB3": "NP",
    "441752004": "AC", "P2-00161": "AC",
    "442593008": "IMF", "R-40ABE": "IMF",
    "442580003": "AX", "R-40AB2": "AX",
}  # fmt: skip
_MEANINGS = {
    "CC": "cranio-caudal", "MLO": "medio-lateral oblique", "ML": "medio-lateral", "LM": "latero-medial",
    "LMO": "latero-medial oblique", "FB": "caudo-cranial", "SIO": "superolateral to inferomedial oblique",
    "ISO": "inferomedial to superolateral oblique", "XCCL": "cranio-caudal exaggerated laterally",
    "XCCM": "cranio-caudal exaggerated medially", "XCC": "cranio-caudal exaggerated",
    "CV": "Cleavage", "AT": "Axillary Tail", "TAN": "Tangential", "M": "Magnification", "S": "Spot Compression",
    "RL": "Rolled Lateral", "RM": "Rolled Medial", "RI": "Rolled Inferior", "RS": "Rolled Superior",
    "ID": "Implant Displaced", "NP": "Nipple in profile", "AC": "Anterior compression", "IMF": "Infra-mammary fold",
    "AX": "Axillary tissue",
}  # fmt: skip
_SCHEMES = ("SCT", "SRT", "SNM3", "99SDM", "")
KNOWN_POSITIONS = frozenset(_POSITIONS.values())


def read_view(dataset: Dataset, groups: Sequence[Dataset]) -> tuple[View, bool]:
    """Return the view and whether the elements that tell the laterality contradict one another.

    ImageLaterality comes before FrameLaterality (of a volume; ``groups`` are its functional groups) and Laterality;
    ViewCodeSequence comes before ViewPosition.
    """
    anatomy = elements.first_item([*groups, dataset], "FrameAnatomySequence")
    told = [
        elements.text(dataset, "ImageLaterality"),
        elements.text(anatomy, "FrameLaterality") if anatomy is not None else "",
        elements.text(dataset, "Laterality"),
    ]
    sides = [side.upper() for side in told if side.upper() in ("R", "L")]
    code = elements.first_item([dataset], "ViewCodeSequence")
    position = _coded(code, _POSITIONS) if code is not None else ""
    if not position:
        plain = elements.text(dataset, "ViewPosition").upper()
        position = plain if plain in KNOWN_POSITIONS else ""
    modifiers = elements.sequence(code, "ViewModifierCodeSequence") if code is not None else []
    names = (_coded(item, _MODIFIERS) for item in modifiers)
    view = View(sides[0] if sides else "", position, tuple(name for name in names if name))
    return view, len(set(sides)) > 1


def view_terms(view: View) -> tuple[tuple[str, str], ...]:
    """Return (code value, meaning) in SCT of a view position and then of its modifiers; nothing without a position."""
    if not view.position:
        return ()
    terms = {name: value for value, name in (*_POSITIONS.items(), *_MODIFIERS.items()) if value.isdigit()}
    return tuple((terms[name], _MEANINGS[name]) for name in (view.position, *view.modifiers))


def _coded(item: Dataset, table: dict[str, str]) -> str:
    if elements.text(item, "CodingSchemeDesignator").upper() not in _SCHEMES:
        return ""
    return table.get(elements.text(item, "CodeValue").upper(), "")
