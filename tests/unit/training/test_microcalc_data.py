from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.imaging.preparation import prepare_pixels  # noqa: E402
from mammoviewer.imaging.voi import VoiFunction, Window  # noqa: E402
from mammoviewer.training.microcalc_data import WaveletOption, read_microcalc_data  # noqa: E402


@pytest.mark.parametrize("option", [WaveletOption(), WaveletOption("sym3"), WaveletOption("haar", 2, 1.0)])
def test_patches_are_prepared_as_images_are(option: WaveletOption) -> None:
    patch = np.random.default_rng(0).integers(0, 255, (60, 60), dtype=np.uint8)
    pixels = prepare_pixels(
        patch,
        steps=option.steps(),
        spacing_mm=(0.085, 0.085),
        target_mm=0.085,
        voi=Window(127.5, 255.0, VoiFunction.LINEAR_EXACT),
        region="all",
    )
    (filtered,) = option.filtered(patch[None].astype(np.float32))
    assert filtered.min() >= 0
    assert filtered.max() <= 1
    assert np.abs(np.squeeze(pixels.values).clip(0, 1) - filtered).max() < 1e-5


def test_a_high_threshold_is_warned_of() -> None:
    assert WaveletOption("sym3", q=2.5).warning
    assert not WaveletOption("sym3", q=2.0).warning
    assert not WaveletOption("none", q=9.0).warning


def test_test_cases_are_kept_aside_before_anything_else(make_infn: Callable[[Path], Path], tmp_path: Path) -> None:
    data = read_microcalc_data(make_infn(tmp_path / "data"), WaveletOption())
    assert set(data.groups_of(data.test)) == set(data.split.test)
    assert len(data.split.test) == 5
    assert sorted([*data.development, *data.test]) == list(range(48))
    for fold in data.folds(data.development, 3, 1):
        assert not set(data.groups_of(fold.train)) & set(data.groups_of(fold.test))
        assert not set(fold.test.tolist()) & set(data.test.tolist())
