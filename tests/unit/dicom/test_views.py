from __future__ import annotations

import pytest
from helpers.dicom_makers import code_item
from pydicom.dataset import Dataset

from mammoviewer.dicom.attributes import View
from mammoviewer.dicom.views import KNOWN_POSITIONS, read_view, view_terms


def dataset(
    code: tuple[str, str] | None = None, modifiers: tuple[tuple[str, str], ...] = (), **elements: str
) -> Dataset:
    made = Dataset()
    if code is not None:
        made.ViewCodeSequence = [code_item(*code)]
        made.ViewCodeSequence[0].ViewModifierCodeSequence = [code_item(*modifier) for modifier in modifiers]
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


@pytest.mark.parametrize(
    ("value", "scheme", "position"),
    [
        ("399162004", "SCT", "CC"),
        ("R-10242", "SRT", "CC"),
        ("R-10242", "SNM3", "CC"),
        ("399368009", "SCT", "MLO"),
        ("R-10226", "SNM3", "MLO"),
        ("399260004", "SCT", "ML"),
        ("399352003", "SCT", "LM"),
        ("399099002", "SCT", "LMO"),
        ("399196006", "SCT", "FB"),
        ("399188001", "SCT", "SIO"),
        ("441555000", "SCT", "ISO"),
        ("399192008", "SCT", "XCCL"),
        ("Y-X1770", "SNM3", "XCCL"),
        ("R-1024B", "SRT", "XCCM"),
        ("R-102CF", "SRT", "XCC"),
        ("399162004", "99OTHER", ""),
        ("12345", "SCT", ""),
    ],
)
def test_codes_of_every_scheme(value: str, scheme: str, position: str) -> None:
    view, _ = read_view(dataset((value, scheme), ImageLaterality="R"), [])
    assert view == View("R", position)


@pytest.mark.parametrize(
    ("modifiers", "label"),
    [
        ((("399163009", "SCT"),), "LMCC"),
        ((("399163009", "SCT"), ("399055006", "SCT")), "LMSCC"),
        ((("R-102D5", "SRT"),), "LCCID"),
        ((("399161006", "SCT"),), "LCV"),
        ((("399011000", "SCT"),), "LAT"),
        ((("R-102D3", "SRT"),), "LCCRL"),
        ((("442593008", "SCT"), ("0", "SCT")), "LCCIMF"),
    ],
)
def test_modifiers_are_part_of_the_label(modifiers: tuple[tuple[str, str], ...], label: str) -> None:
    view, _ = read_view(dataset(("399162004", "SCT"), modifiers, ImageLaterality="L"), [])
    assert view.label == label


@pytest.mark.parametrize(
    ("elements", "side", "conflict"),
    [
        ({"ImageLaterality": "R", "Laterality": "R"}, "R", False),
        ({"ImageLaterality": "R", "Laterality": "L"}, "R", True),
        ({"Laterality": "L"}, "L", False),
        ({"ImageLaterality": "B"}, "", False),
        ({}, "", False),
    ],
)
def test_precedence_of_lateralities(elements: dict[str, str], side: str, conflict: bool) -> None:
    view, found = read_view(dataset(**elements), [])
    assert (view.laterality, found) == (side, conflict)


def test_the_side_of_a_volume_comes_from_its_functional_groups() -> None:
    group, anatomy = Dataset(), Dataset()
    anatomy.FrameLaterality = "L"
    group.FrameAnatomySequence = [anatomy]
    assert read_view(dataset(Laterality="R"), [group]) == (View("L", ""), True)


@pytest.mark.parametrize(("plain", "position"), [("MLO", "MLO"), ("cc", "CC"), ("AP", ""), ("", "")])
def test_the_plain_view_position_serves_without_a_code(plain: str, position: str) -> None:
    assert read_view(dataset(ViewPosition=plain), [])[0].position == position


@pytest.mark.parametrize("position", sorted(KNOWN_POSITIONS))
def test_a_view_reads_as_what_it_is_coded_as(position: str) -> None:
    modifiers = ("M", "S", "RL", "RM", "RI", "RS", "ID", "NP", "AC", "IMF", "AX", "CV", "AT", "TAN")
    view = View("", position, modifiers)
    code, *others = ((value, "SCT") for value, _ in view_terms(view))
    assert read_view(dataset(code, tuple(others)), []) == (view, False)
    assert all(meaning for _, meaning in view_terms(view))


def test_without_a_position_there_is_no_code() -> None:
    assert view_terms(View("L", "", ("M",))) == ()
