import numpy as np
import pytest
from helpers.heatmaps import make_heatmap

from mammoviewer.base.paths import bundled_models_dir
from mammoviewer.inference.cam_localisation import localised, phantom_patches
from mammoviewer.inference.cam_maps import Explainer
from mammoviewer.inference.evidence import LEAST_BLOB_PX, readable_evidence
from mammoviewer.inference.manifest import load_manifest
from mammoviewer.inference.onnx_session import OnnxModel

SHAPE = (200, 240)
PATCH = (slice(60, 120), slice(100, 160))


def patch_map(values, *, origin=(72.5, 112.5), step=(4.0, 4.0)):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[PATCH] = True
    return make_heatmap(values, shape=SHAPE, origin=origin, step=step, mask=mask)


def speck(row, column):
    """Return a map with a frame of zeros, of which one cell speaks, and the stored place of that cell."""
    values = np.zeros((9, 9), np.float32)
    values[row, column] = 0.3
    return patch_map(values), (72.5 + 4 * row, 112.5 + 4 * column)


def half_height(picture):
    """Return rows, columns of the pixels that reach half of the highest one."""
    return np.nonzero(np.nan_to_num(picture) >= 0.5 * np.nanmax(picture))


@pytest.mark.parametrize("zoom", [0.25, 0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("cell", [(4, 4), (1, 6), (7, 2)])
def test_a_speck_is_seen_at_every_zoom_and_stays_where_it_is(zoom, cell):
    overlay, place = speck(*cell)
    shown = readable_evidence(overlay, zoom).resampled()
    rows, columns = half_height(shown)
    for found, wanted in ((rows, place[0]), (columns, place[1])):
        width = (found.max() - found.min() + 1) * zoom
        assert width >= min(LEAST_BLOB_PX, 60 * zoom / 3) - 2 * zoom
        assert width <= max(LEAST_BLOB_PX, 4 * zoom) + 5 * zoom, "no more than is needed to see it"
        assert (found.max() + found.min()) / 2 == pytest.approx(wanted, abs=0.51)
    assert np.nanmax(shown) == pytest.approx(1.0, abs=1e-6)
    assert np.isnan(shown[0, 0]), "beside the patch nothing is said"


def test_two_specks_keep_their_order_and_their_places():
    values = np.zeros((9, 9), np.float32)
    values[2, 2], values[6, 6] = 1.0, 0.6
    shown = readable_evidence(patch_map(values), 1.0).resampled()
    assert shown[80, 120] == pytest.approx(1.0, abs=0.03)
    assert shown[96, 136] == pytest.approx(0.6, abs=0.03)
    assert shown[80, 136] < 0.1


def test_seen_large_enough_the_map_is_shown_as_it_is():
    values = np.random.default_rng(3).random((4, 4), dtype=np.float32)
    overlay = patch_map(values, origin=(67.0, 107.0), step=(15.0, 15.0))
    shown, plain = readable_evidence(overlay, 30.0).resampled(), overlay.resampled()
    np.testing.assert_allclose(shown[PATCH], plain[PATCH] / plain[PATCH].max(), atol=0.01)


def test_several_weak_places_do_not_become_the_strongest():
    values = np.zeros((9, 9), np.float32)
    values[1, 1] = 1.0
    values[5:8, 5:8] = 0.7
    shown = readable_evidence(patch_map(values), 0.5).resampled()
    row, column = np.unravel_index(np.nanargmax(shown), SHAPE)
    assert (row, column) == pytest.approx((76.5, 116.5), abs=1.0)


def test_a_map_without_evidence_shows_none():
    assert not readable_evidence(patch_map(np.zeros((9, 9))), 1.0).values.any()


def test_what_is_even_stays_even_up_to_the_edge():
    even = patch_map(np.full((4, 4), 0.7, np.float32), origin=(67.0, 107.0), step=(15.0, 15.0))
    np.testing.assert_allclose(readable_evidence(even, 1.0).resampled()[PATCH], 1.0, atol=1e-5)


def test_the_facts_of_the_map_stay():
    overlay, _ = speck(4, 4)
    shown = readable_evidence(overlay, 1.0)
    assert (shown.model, shown.class_name, shown.mode) == (overlay.model, overlay.class_name, overlay.mode)
    assert shown.mask is overlay.mask
    assert overlay.values.max() == np.float32(0.3), "the map itself is not touched"


def test_what_is_shown_points_where_the_map_does():
    model = OnnxModel(load_manifest(bundled_models_dir() / "microcalc-dense"), threads=1)
    patches, lesions = phantom_patches(model.manifest, 40)
    explainer, size = Explainer(model), (60, 60)
    maps, scores = explainer.maps(patches)
    everywhere = np.ones(size, dtype=bool)
    hits = {"map": [], "shown at 4x": [], "shown at 1x": []}
    for values, lesion, score in zip(maps, lesions, scores, strict=True):
        if score < model.manifest.outputs.operating_threshold:
            continue
        framed, places = explainer.places(values, size).framed(values)
        overlay = make_heatmap(framed, shape=size, origin=places.first, step=places.step)
        pictures = [overlay.resampled(), *(readable_evidence(overlay, zoom).resampled() for zoom in (4.0, 1.0))]
        for told, picture in zip(hits.values(), pictures, strict=True):
            told.append(localised(picture, lesion, everywhere))
    share = {name: np.mean([one.hit for one in told]) for name, told in hits.items()}
    energy = {name: np.mean([one.energy for one in told]) for name, told in hits.items()}
    assert len(hits["map"]) >= 30
    assert share["map"] == share["shown at 4x"] == share["shown at 1x"]
    assert energy["shown at 4x"] > 0.97 * energy["map"]
    assert energy["shown at 1x"] > 0.8 * energy["map"]
