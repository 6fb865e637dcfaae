from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from helpers.images import breast_like, make_image
from helpers.model_makers import brightest_bundle, dense_bundle, padded_dense_bundle

from mammoviewer.base.errors import Cancelled, ModelError
from mammoviewer.imaging.voi import Window
from mammoviewer.inference import dense as dense_module
from mammoviewer.inference.dense import run_dense, tiles_of
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.predict import predict_prepared
from mammoviewer.inference.preprocess import prepare
from mammoviewer.inference.tiling import run_patches


def prepared_for(model, pixels):
    image = make_image(pixels=pixels, vois=(Window(2047.5, 4095.0),))
    return prepare(pixels, image.attributes, model.manifest)


def test_the_dense_mode_of_an_exact_model_equals_its_patches(tmp_path):
    model = OnnxModel(dense_bundle(tmp_path / "m"))
    prepared = prepared_for(model, breast_like(203, 157))
    dense, patches = run_dense(prepared, model), run_patches(prepared, model)
    assert dense.mode == "dense"
    assert dense.complete
    np.testing.assert_allclose(dense.scores, patches.scores, atol=1e-5)
    np.testing.assert_allclose(dense.values, patches.values, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("tile_px", [24, 100, 1000])
def test_parts_with_their_halo_give_what_the_whole_gives(tmp_path, tile_px, threads):
    manifest = padded_dense_bundle(tmp_path / "m")
    whole_model = OnnxModel(replace(manifest, tiling=replace(manifest.windows, dense_halo=None)))
    model = OnnxModel(manifest, threads=threads)
    prepared = prepared_for(model, breast_like(331, 257))
    whole, parts = run_dense(prepared, whole_model), run_dense(prepared, model, tile_px=tile_px)
    np.testing.assert_allclose(parts.scores, whole.scores, atol=1e-5)
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-5)


def test_without_its_halo_a_part_would_differ(tmp_path):
    manifest = padded_dense_bundle(tmp_path / "m")
    bare = OnnxModel(replace(manifest, tiling=replace(manifest.windows, dense_halo=0)))
    model = OnnxModel(manifest)
    prepared = prepared_for(model, breast_like(331, 257))
    whole, parts = run_dense(prepared, model), run_dense(prepared, bare, tile_px=24)
    assert np.nanmax(np.abs(whole.scores - parts.scores)) > 1e-3


def test_parts_without_breast_are_not_run(tmp_path, monkeypatch):
    model = OnnxModel(padded_dense_bundle(tmp_path / "m"))
    prepared = prepared_for(model, breast_like(400, 300))
    seen = []
    original = OnnxModel.dense_logits
    monkeypatch.setattr(
        OnnxModel, "dense_logits", lambda self, image, stop: seen.append(image.shape[2:]) or original(self, image)
    )
    run_dense(prepared, model, tile_px=40)
    assert len(seen) < 0.8 * 10 * 8
    assert max(rows for rows, _ in seen) <= 40 + 16 + 2 * 16


def test_the_parts_of_a_grid_hold_each_wanted_cell_once():
    wanted = np.random.default_rng(0).random((17, 23)) > 0.9
    times = np.zeros(wanted.shape, dtype=int)
    for tile in tiles_of(wanted, 5):
        times[tile] += 1
        assert max(cells.stop - cells.start for cells in tile) <= 5
    assert (times[wanted] == 1).all()
    assert times.max() == 1


def test_a_map_comes_in_part_by_part_and_can_be_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(dense_module, "PARTIAL_INTERVAL_S", 0.0)
    model = OnnxModel(padded_dense_bundle(tmp_path / "m"))
    prepared = prepared_for(model, breast_like(400, 300))
    seen, reports = [], []
    run_dense(
        prepared, model, tile_px=100, on_partial=seen.append, progress=lambda fraction, _: reports.append(fraction)
    )
    shares = [heatmap.share for heatmap in seen]
    assert len(shares) > 3
    assert shares == sorted(shares)
    assert not any(heatmap.complete for heatmap in seen)
    assert reports == sorted(reports)
    assert reports[-1] == 1.0

    def cancel(fraction, message):
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_dense(prepared, model, tile_px=100, progress=cancel)


def test_a_model_without_a_dense_form_says_so(tmp_path):
    spots = OnnxModel(brightest_bundle(tmp_path / "spots"))
    with pytest.raises(ModelError, match="no dense mode"):
        run_dense(prepared_for(spots, breast_like()), spots)


def test_a_model_that_looks_at_several_sizes_has_no_dense_pass(tmp_path):
    manifest = dense_bundle(tmp_path / "m", stride=8)
    several = replace(manifest, tiling=replace(manifest.windows, scales=(1.0, 2.0)))
    model = OnnxModel(several)
    prepared = prepared_for(model, breast_like())
    for run in (run_dense, partial(predict_prepared, mode="dense")):
        with pytest.raises(ModelError, match="several sizes"):
            run(prepared, model)
    whole = predict_prepared(prepared, model).map
    single = predict_prepared(prepared, OnnxModel(manifest)).map
    seen = np.isfinite(whole.scores)
    assert (whole.scores[seen] >= single.scores[seen]).all()
    assert (whole.scores[seen] > single.scores[seen]).any()


def test_a_dense_file_with_another_grid_is_refused(tmp_path):
    model = OnnxModel(dense_bundle(tmp_path / "m", stride=8))
    manifest = model.manifest
    wrong = OnnxModel(replace(manifest, tiling=replace(manifest.windows, dense_stride=4)))
    with pytest.raises(ModelError, match="windows lie"):
        run_dense(prepared_for(wrong, breast_like()), wrong)
