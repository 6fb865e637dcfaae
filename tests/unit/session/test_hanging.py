from __future__ import annotations

import json

import pytest
from helpers.images import make_image

from mammoviewer.base.errors import InputError
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.session.hanging import EMPTY, hang, load_protocol


def cells_by_label(stage, images):
    labels = {image.attributes.identity: image.attributes.view.label for image in images}
    return [labels.get(cell, EMPTY) for cell in stage.cells]


@pytest.fixture
def four():
    return [make_image(label, uid=f"1.{i}") for i, label in enumerate(("LMLO", "RCC", "LCC", "RMLO"))]


def test_four_views_hang_with_right_breasts_on_the_left(four):
    stages = hang(four, load_protocol())
    assert [stage.title for stage in stages] == ["Four views", "CC pair", "MLO pair"]
    assert cells_by_label(stages[0], four) == ["RCC", "LCC", "RMLO", "LMLO"]
    assert (stages[0].rows, stages[0].columns) == (2, 2)


def test_tomosynthesis_hangs_beside_the_flat_image_of_its_view(four):
    tomo = make_image("LMLO", kind=ImageKind.TOMO, uid="1.9")
    stages = hang([*four, tomo], load_protocol())
    beside = next(stage for stage in stages if "1.9" in stage.cells)
    assert beside.cells == ("1.9", four[0].attributes.identity)


def test_tomosynthesis_without_a_partner_hangs_alone():
    tomo = make_image("RCC", kind=ImageKind.TOMO, uid="1.9")
    stages = hang([tomo], load_protocol())
    assert [stage.cells for stage in stages] == [("1.9",)]


def test_true_projections_are_hung_before_synthetic_ones(four):
    synthetic = make_image("RCC", kind=ImageKind.SYNTHETIC_2D, uid="1.8")
    stages = hang([synthetic, *four], load_protocol())
    assert stages[0].cells[0] == four[1].attributes.identity
    assert any(stage.cells == ("1.8",) for stage in stages), "the synthetic image must have a stage of its own"


def test_whole_views_are_hung_before_partial_ones(four):
    partial = make_image("RCC", uid="1.6", facts=(("Partial view", "PARTIAL"),))
    stages = hang([partial, *four], load_protocol())
    assert stages[0].cells[0] == four[1].attributes.identity


def test_no_image_is_dropped(four):
    strange = make_image("", kind=ImageKind.SECONDARY, uid="1.7")
    images = [*four, strange]
    placed = {cell for stage in hang(images, load_protocol()) for cell in stage.cells}
    assert {image.attributes.identity for image in images} <= placed


def test_a_single_view_leaves_no_half_empty_four_up():
    stages = hang([make_image("RMLO", uid="1.1")], load_protocol())
    assert [stage.cells for stage in stages] == [("1.1",)]


@pytest.mark.parametrize("text", ["", "[]", json.dumps({"schema_version": 9, "stages": []})])
def test_a_bad_protocol_is_told(tmp_path, text):
    path = tmp_path / "protocol.json"
    path.write_text(text)
    with pytest.raises(InputError, match="protocol"):
        load_protocol(path)
