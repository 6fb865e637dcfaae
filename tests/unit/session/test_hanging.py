from __future__ import annotations

import pytest
from helpers.images import make_image

from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.session.hanging import hang
from mammoviewer.session.protocol import EMPTY, Protocol, StageRule, load_protocol


def cells_by_label(stage, images):
    labels = {image.attributes.identity: image.attributes.view.label for image in images}
    return [labels.get(cell, EMPTY) for cell in stage.cells]


@pytest.fixture
def four():
    return [make_image(label, uid=f"1.{i}") for i, label in enumerate(("LMLO", "RCC", "LCC", "RMLO"))]


def test_four_views_hang_with_right_breasts_on_the_left(four):
    stages = hang(four, load_protocol())
    assert [stage.title for stage in stages] == ["Four views", "CC pair", "MLO pair", "Right breast", "Left breast"]
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


@pytest.fixture
def four_before():
    return [make_image(label, uid=f"2.{i}") for i, label in enumerate(("LMLO", "RCC", "LCC", "RMLO"))]


def test_priors_hang_below_their_views(four, four_before):
    stages = {stage.title: stage for stage in hang(four, load_protocol(), four_before)}
    assert cells_by_label(stages["CC with prior below"], [*four, *four_before]) == ["RCC", "LCC", "RCC", "LCC"]
    assert stages["CC with prior below"].cells == ("1.1", "1.2", "2.1", "2.2")
    eight = stages["Eight views with prior below"]
    assert (eight.rows, eight.columns) == (2, 4)
    assert eight.cells == ("1.1", "1.2", "1.3", "1.0", "2.1", "2.2", "2.3", "2.0")


def test_a_stage_with_priors_needs_images_of_both_studies(four, four_before):
    lone = [image for image in four if image.attributes.view.label == "LMLO"]
    assert not any(stage.title.startswith("CC with") for stage in hang(lone, load_protocol(), four_before))
    of_mlo = [image for image in four_before if image.attributes.view.label.endswith("MLO")]
    assert not any(stage.title.startswith("CC with") for stage in hang(four, load_protocol(), of_mlo))


def test_images_of_the_prior_get_no_stages_of_their_own(four, four_before):
    strange = make_image("", kind=ImageKind.SECONDARY, uid="2.7")
    assert not any("2.7" in stage.cells for stage in hang(four, load_protocol(), [*four_before, strange]))


def test_volumes_hang_beside_their_prior_and_in_pairs():
    tomos = [make_image(label, kind=ImageKind.TOMO, uid=f"1.{label}") for label in ("RCC", "LCC")]
    before = [make_image("RCC", kind=ImageKind.TOMO, uid="2.RCC")]
    stages = {stage.title: stage.cells for stage in hang(tomos, load_protocol(), before)}
    assert stages["Tomosynthesis CC pair"] == ("1.RCC", "1.LCC")
    assert stages["Tomosynthesis with prior RCC"] == ("1.RCC", "2.RCC")
    assert "Tomosynthesis with prior LCC" not in stages


def test_further_views_of_both_sides_hang_as_pairs(four):
    more = [make_image(label, uid=f"1.{label}") for label in ("RML", "LML", "RXCCL")]
    stages = {stage.title: stage for stage in hang([*four, *more], load_protocol())}
    assert stages["Pair ML"].cells == ("1.RML", "1.LML")
    assert stages["Mammogram RXCCL"].overflow
    assert not stages["Pair ML"].overflow


def test_a_protocol_of_the_reader_decides(four):
    own = Protocol("Own", (StageRule("Crosswise", 1, 3, ("LMLO", "", "RCC")),))
    stages = hang(four, own)
    assert stages[0].cells == ("1.0", "", "1.1")
    assert [stage.overflow for stage in stages] == [False, True, True]
