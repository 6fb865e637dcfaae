import threading
from dataclasses import replace

import numpy as np
import pytest
from helpers.images import breast_like, make_image
from helpers.model_makers import brightest_bundle, linear_bundle

from mammoviewer.base.errors import Cancelled
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.imaging.voi import Window
from mammoviewer.inference import tiling, window_scores
from mammoviewer.inference.detections import find_peaks
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.preprocess import prepare
from mammoviewer.inference.tiling import REFINE_SHARE, coarse_windows, iter_patches, run_coarse, run_patches
from mammoviewer.inference.window_grid import window_grid

GREY = Window(2047.5, 4095.0)


def prepared_for(model, pixels, **changes):
    image = make_image(pixels=pixels, **{"vois": (GREY,), **changes})
    return prepare(pixels, image.attributes, model.manifest)


@pytest.fixture
def spots(tmp_path):
    return OnnxModel(brightest_bundle(tmp_path / "spots"))


def dim_breast(rows=400, columns=300):
    return (breast_like(rows, columns) * 0.3).astype(np.uint16)


def test_a_picture_of_one_patch_gives_the_probability_of_that_patch(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m"))
    pixels = np.random.default_rng(4).integers(0, 256, (16, 16), dtype=np.uint8)
    prepared = prepared_for(model, pixels, kind=ImageKind.RASTER, BitsStored=8, vois=())
    heatmap = run_patches(prepared, model)
    raw = (pixels / 255).astype(np.float32)[None, None]
    assert heatmap.scores.shape == (1, 1)
    assert heatmap.windows().shape == (1, 3)
    assert heatmap.scores[0, 0] == pytest.approx(float(model.scores(raw)[0, 1]), abs=1e-6)
    assert heatmap.values[0, 0] == pytest.approx(heatmap.scores[0, 0], abs=1e-7)
    assert heatmap.origin == (7.5, 7.5)
    assert np.isfinite(heatmap.resampled()).all()


def test_bright_spots_are_found_where_they_are(spots):
    pixels = dim_breast()
    for row, column in ((200, 250), (150, 200)):
        pixels[row - 1 : row + 3, column - 1 : column + 3] = 4000
    heatmap = run_patches(prepared_for(spots, pixels), spots)
    assert heatmap.complete
    assert heatmap.class_name == "finding"
    peaks = find_peaks(heatmap, threshold=0.9)
    for row, column in ((200, 250), (150, 200)):
        assert any(peak.box[0] <= row <= peak.box[2] and peak.box[1] <= column <= peak.box[3] for peak in peaks)
        assert heatmap.at(row, column) > 0.9
    assert all(min(abs(p.row - 200) + abs(p.column - 250), abs(p.row - 150) + abs(p.column - 200)) < 24 for p in peaks)


def test_every_score_is_the_models_own_for_that_window(spots):
    pixels = breast_like(200, 160, seed=3)
    prepared = prepared_for(spots, pixels)
    heatmap = run_patches(prepared, spots)
    ran = 0
    for row, column, score in heatmap.windows().tolist():
        top, left = round(row - 7.5), round(column - 7.5)
        if top < 0 or left < 0 or top + 16 > 200 or left + 16 > 160:
            continue
        patch = prepared.values[:, top : top + 16, left : left + 16]
        assert score == pytest.approx(float(spots.scores(patch[None])[0, 1]), abs=1e-6)
        ran += 1
    assert ran > 50


def test_windows_without_breast_do_not_run_and_the_map_ends_at_the_skin(spots):
    pixels = dim_breast()
    prepared = prepared_for(spots, pixels)
    heatmap = run_patches(prepared, spots)
    assert np.isnan(heatmap.scores[0, 0])
    assert 0.2 < np.isfinite(heatmap.scores).mean() < 0.9
    picture = heatmap.resampled()
    assert np.isnan(picture[~prepared.mask]).all()
    assert heatmap.coverage > 0.99


def test_a_smaller_stride_has_more_windows(spots):
    prepared = prepared_for(spots, dim_breast())
    assert len(run_patches(prepared, spots, stride=4).windows()) > 3 * len(run_patches(prepared, spots).windows())


def test_the_partial_map_spans_the_breast_early_and_grows(spots, monkeypatch):
    monkeypatch.setattr(tiling, "PARTIAL_INTERVAL_S", 0.0)
    monkeypatch.setattr(window_scores, "BATCHES_IN_A_PART", 1)
    seen = []
    prepared = prepared_for(spots, dim_breast())
    final = run_patches(prepared, spots, on_partial=seen.append)
    assert len(seen) > 20
    assert not any(heatmap.complete for heatmap in seen)
    counts = [len(heatmap.windows()) for heatmap in seen]
    assert counts == sorted(counts)
    total = len(final.windows())
    early = next(heatmap for heatmap in seen if len(heatmap.windows()) >= total / 12)
    assert early.coverage > 0.9
    np.testing.assert_array_equal(np.isfinite(early.values), np.isfinite(final.values))


def test_partial_maps_are_not_made_more_often_than_wanted(spots, monkeypatch):
    monkeypatch.setattr(tiling, "PARTIAL_INTERVAL_S", 3600.0)
    seen = []
    run_patches(prepared_for(spots, dim_breast()), spots, on_partial=seen.append)
    assert seen == []


def test_progress_ends_at_one_and_may_cancel(spots):
    reports = []
    prepared = prepared_for(spots, dim_breast())
    run_patches(prepared, spots, progress=lambda fraction, message: reports.append(fraction))
    assert reports == sorted(reports)
    assert reports[-1] == 1.0

    def cancel(fraction, message):
        if fraction > 0.2:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_patches(prepared, spots, progress=cancel)


def test_an_image_of_nothing_gives_an_empty_map(spots):
    pixels = np.zeros((300, 300), dtype=np.uint16)
    from mammoviewer.imaging.voi import Padding

    heatmap = run_patches(prepared_for(spots, pixels, padding=Padding(0, 0)), spots)
    assert np.isnan(heatmap.values).all()
    assert find_peaks(heatmap, threshold=0.0) == ()


def test_another_class_can_be_mapped(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "m", classes=3))
    prepared = prepared_for(model, breast_like())
    maps = [run_patches(prepared, model, class_index=index) for index in range(3)]
    assert [heatmap.class_name for heatmap in maps] == ["class0", "class1", "class2"]
    total = sum(heatmap.scores for heatmap in maps)
    np.testing.assert_allclose(total[np.isfinite(total)], 1.0, atol=1e-5)


@pytest.fixture
def wide_spots(tmp_path):
    """Windows of 32 at a stride of 4: coarse levels four and two strides apart still overlap."""
    return brightest_bundle(tmp_path / "wide", patch=(32, 32), stride=4)


def spotted(rows=400, columns=300):
    pixels = dim_breast(rows, columns)
    for row, column in ((200, 250), (150, 200)):
        pixels[row - 1 : row + 3, column - 1 : column + 3] = 4000
    return pixels


@pytest.mark.parametrize("run", [run_patches, run_coarse])
def test_runs_side_by_side_give_the_numbers_of_one(wide_spots, run):
    pixels = spotted()
    alone, together = (OnnxModel(wide_spots, threads=threads) for threads in (1, 3))
    assert (alone.streams, together.streams) == (1, 3)
    first, second = (run(prepared_for(model, pixels), model) for model in (alone, together))
    np.testing.assert_array_equal(first.scores, second.scores)
    np.testing.assert_array_equal(first.values, second.values)


def test_no_thread_outlives_a_run(wide_spots):
    model = OnnxModel(wide_spots, threads=3)
    prepared = prepared_for(model, dim_breast())

    def cancel(fraction, message):
        raise Cancelled

    with pytest.raises(Cancelled):
        run_patches(prepared, model, progress=cancel)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("windows")]


def test_coarse_to_fine_equals_the_patches_wherever_it_looked(wide_spots):
    model = OnnxModel(wide_spots, threads=2)
    prepared = prepared_for(model, spotted())
    exact, coarse = run_patches(prepared, model), run_coarse(prepared, model)
    looked = np.isfinite(coarse.scores)
    np.testing.assert_array_equal(coarse.scores[looked], exact.scores[looked])
    wanted = np.isfinite(exact.scores)
    assert coarse.share == pytest.approx(looked.sum() / wanted.sum())
    assert 1 / 16 < coarse.share < 0.35
    assert exact.share == 1.0
    np.testing.assert_array_equal(np.isfinite(coarse.values), np.isfinite(exact.values))
    assert looked[exact.scores > 0.5].all(), "every window with a high score was looked at"
    assert find_peaks(coarse, threshold=0.9)[0].score == pytest.approx(find_peaks(exact, threshold=0.9)[0].score)
    assert coarse.mode == "coarse"
    assert coarse.complete
    limit = REFINE_SHARE * model.manifest.outputs.marks_from
    np.testing.assert_array_equal(coarse_windows(exact.scores, model.manifest.windows, worth=limit), looked)


def test_what_is_worth_looking_closer_can_be_chosen(wide_spots):
    model = OnnxModel(wide_spots)
    prepared = prepared_for(model, spotted())
    everything = run_coarse(prepared, model, worth=0.0)
    np.testing.assert_array_equal(everything.scores, run_patches(prepared, model).scores)
    nothing = run_coarse(prepared, model, worth=1.1)
    assert nothing.share == pytest.approx(1 / 16, rel=0.2)
    assert np.isfinite(nothing.resampled()[prepared.mask]).all()


def test_windows_that_would_leave_gaps_are_no_coarse_level(tmp_path):
    model = OnnxModel(brightest_bundle(tmp_path / "m", patch=(16, 16), stride=8))
    prepared = prepared_for(model, spotted())
    coarse = run_coarse(prepared, model)
    assert coarse.share == 1.0
    np.testing.assert_array_equal(coarse.values, run_patches(prepared, model).values)


@pytest.mark.parametrize("run", [run_patches, run_coarse])
def test_a_run_that_was_stopped_goes_on_from_the_windows_it_had(wide_spots, run, monkeypatch):
    model = OnnxModel(wide_spots)
    prepared = prepared_for(model, spotted())
    whole = run(prepared, model)
    seen = []

    def cancel(fraction, message):
        if fraction > 0.4:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(prepared, model, on_partial=seen.append, progress=cancel)
    stopped = seen[-1]
    assert not stopped.complete
    before = int(np.isfinite(stopped.scores).sum())
    assert 0 < before < np.isfinite(whole.scores).sum()
    looked_at = []
    original = OnnxModel.scores
    monkeypatch.setattr(OnnxModel, "scores", lambda self, batch: looked_at.append(len(batch)) or original(self, batch))
    reports = []
    rest = run(prepared, model, known=stopped.scores, progress=lambda fraction, _: reports.append(fraction))
    np.testing.assert_array_equal(rest.scores, whole.scores)
    np.testing.assert_array_equal(rest.values, whole.values)
    assert sum(looked_at) == np.isfinite(whole.scores).sum() - before
    assert reports == sorted(reports)
    if run is run_patches:
        assert reports[0] > 0.3


def test_scores_of_another_grid_are_left_aside(spots):
    prepared = prepared_for(spots, dim_breast())
    whole = run_patches(prepared, spots)
    other = run_patches(prepared, spots, known=np.ones((3, 3), dtype=np.float32))
    np.testing.assert_array_equal(other.scores, whole.scores)


def test_larger_windows_are_shrunk_to_the_patch_and_the_largest_score_counts(tmp_path):
    manifest = linear_bundle(tmp_path / "m")
    tiling = replace(manifest.windows, scales=(1.0, 2.0))
    both = OnnxModel(replace(manifest, tiling=tiling))
    one = OnnxModel(manifest)
    prepared = prepared_for(one, breast_like(240, 192, seed=2))
    single, double = run_patches(prepared, one), run_patches(prepared, both)
    looked = np.isfinite(single.scores)
    np.testing.assert_array_equal(looked, np.isfinite(double.scores))
    assert (double.scores[looked] >= single.scores[looked]).all()
    assert (double.scores[looked] > single.scores[looked]).any()
    grid = window_grid(prepared.shape, (16, 16), 8)
    for row, column in ((10, 12), (15, 18), (20, 15)):
        top, left = grid.origin[0] + row * 8 - 8, grid.origin[1] + column * 8 - 8
        window = prepared.values[0, top : top + 32, left : left + 32]
        patch = window.reshape(16, 2, 16, 2).mean(axis=(1, 3))[None, None]
        expected = max(float(one.scores(patch)[0, 1]), single.scores[row, column])
        assert double.scores[row, column] == pytest.approx(expected, abs=1e-5)


def test_windows_of_256_at_a_stride_of_32(tmp_path):
    model = OnnxModel(brightest_bundle(tmp_path / "m", patch=(256, 256), stride=32), threads=2)
    prepared = prepared_for(model, spotted(1000, 800))
    heatmap = run_patches(prepared, model)
    grid = window_grid(prepared.shape, (256, 256), 32)
    assert heatmap.scores.shape == grid.counts == (25, 18)
    (_, patches), *_ = iter_patches(prepared, grid, np.array([[3, 17]]), batch=4)
    assert heatmap.scores[3, 17] == pytest.approx(float(model.scores(patches)[0, 1]), abs=1e-6)
    coarse = run_coarse(prepared, model)
    looked = np.isfinite(coarse.scores)
    np.testing.assert_array_equal(coarse.scores[looked], heatmap.scores[looked])
    assert coarse.share < 1
