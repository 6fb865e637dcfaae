from dataclasses import replace

import numpy as np
import pytest
from helpers.model_makers import brightest_bundle, linear_bundle

from mammoviewer.base.errors import ModelError
from mammoviewer.inference.cam_checks import Skipped
from mammoviewer.inference.cam_localisation import (
    Localised,
    centre_map,
    localised,
    phantom_localisation,
    phantom_patches,
    verdict,
)
from mammoviewer.inference.onnx_session import OnnxModel


def masks():
    breast = np.zeros((20, 20), dtype=bool)
    breast[:, 8:] = True
    lesion = np.zeros_like(breast)
    lesion[2:6, 10:14] = True
    return lesion, breast


def test_a_map_is_judged_by_its_highest_place_and_its_share_in_the_lesion():
    lesion, breast = masks()
    values = np.zeros((20, 20), dtype=np.float32)
    values[3, 11], values[10, 15], values[0, 0] = 3.0, 1.0, 9.0
    found = localised(values, lesion, breast)
    assert (found.hit, found.energy) == (True, pytest.approx(0.75)), "what lies beside the breast does not count"
    assert not found.baseline_hit
    assert 0.0 < found.baseline_energy < 0.2
    missed = localised(-values, lesion, breast)
    assert (missed.hit, missed.energy) == (False, 0.0)


def test_the_baseline_is_the_middle_of_the_breast():
    _, breast = masks()
    middle = centre_map(breast)
    assert np.unravel_index(middle.argmax(), middle.shape) in {(r, c) for r in (9, 10) for c in (13, 14)}
    assert middle[~breast].max() == 0.0
    assert centre_map(np.zeros((3, 3), dtype=bool)).max() == 0.0


def test_maps_that_point_worse_than_the_middle_fail_and_few_are_passed_over():
    good, bad = Localised(True, 0.5, False, 0.1), Localised(False, 0.1, True, 0.2)
    assert "pointing game 0.75 (middle of the breast 0.25)" in verdict([good] * 6 + [bad] * 2)
    with pytest.raises(ModelError, match=r"less often than the middle does: pointing game 0\.25"):
        verdict([good] * 2 + [bad] * 6)
    with pytest.raises(Skipped, match="only 5"):
        verdict([good] * 5)


def test_computed_lesions_lie_off_the_middle_and_stand_out(tmp_path):
    manifest = linear_bundle(tmp_path / "m")
    patches, lesions = phantom_patches(manifest, 5)
    assert patches.shape == (5, 1, 16, 16)
    assert 0.0 <= patches.min() < patches.max() <= 1.0
    for patch, lesion in zip(patches, lesions, strict=True):
        assert not lesion[7:9, 7:9].any()
        assert patch[0][lesion].mean() > patch[0][~lesion].mean() + 0.05
    np.testing.assert_array_equal(patches, phantom_patches(manifest, 5)[0])


def test_a_model_that_sees_the_brightest_place_points_at_it(tmp_path):
    bundle = brightest_bundle(tmp_path / "m", patch=(32, 32), method="occlusion")
    assert "pointing game" in phantom_localisation(OnnxModel(bundle))


def test_a_model_that_finds_no_computed_lesion_is_passed_over(tmp_path):
    bundle = brightest_bundle(tmp_path / "m", patch=(32, 32))
    model = OnnxModel(bundle)
    model.manifest = replace(bundle, outputs=replace(bundle.outputs, operating_threshold=1.0))
    with pytest.raises(Skipped, match="finds 0 of 24"):
        phantom_localisation(model)
