"""The recipe on a tiny made-up set with the form of the real one, and a made-up mammogram."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.base.errors import TrainingError  # noqa: E402
from mammoviewer.dicom.reader import open_paths  # noqa: E402
from mammoviewer.inference.check import check_model  # noqa: E402
from mammoviewer.inference.manifest import load_manifest  # noqa: E402
from mammoviewer.inference.onnx_session import OnnxModel  # noqa: E402
from mammoviewer.inference.predict import predict_image  # noqa: E402
from mammoviewer.training.recipes import run_recipe  # noqa: E402
from mammoviewer.training.spec import TrainingSpec  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rows, columns = np.mgrid[:420, :360]
    breast = ((rows - 210) / 180.0) ** 2 + (columns / 300.0) ** 2 < 1
    picture = np.where(breast, np.random.default_rng(1).normal(120, 20, breast.shape), 0)
    assert cv2.imwrite(str(folder / "film.png"), picture.clip(0, 255).astype(np.uint8))
    return folder


def spec_of(data: Path, output: Path, **parameters: str | int) -> TrainingSpec:
    return TrainingSpec(
        kind="recipe",
        data=data,
        output=output,
        name="dense",
        recipe="microcalc-dense",
        parameters={"int8": False, **parameters},
    )


def test_one_pass_agrees_with_patches_and_the_manifest_says_how_well(
    make_infn: Callable[[Path], Path], pictures: Path, tmp_path: Path
) -> None:
    output = tmp_path / "dense"
    spec = spec_of(make_infn(tmp_path / "data"), output, epochs=1, folds=2, images=str(pictures))
    metrics = run_recipe(spec, lambda _: None)
    manifest = load_manifest(output)
    assert all(result.passed for result in check_model(manifest))
    agreement = manifest.windows.dense_patch_agreement
    assert agreement is not None
    assert agreement.spearman > 0.999
    assert agreement.max_abs_dp < 1e-4
    assert abs(agreement.auc_difference) < 1e-9
    assert metrics["dense_patch_agreement"]["images"] == 1
    assert "Spearman" in (output / "CARD.md").read_text(encoding="utf-8")
    assert json.loads((output / "report.json").read_text(encoding="utf-8"))["metrics"]["test"]["groups"] == 5
    (image,) = open_paths([pictures / "film.png"]).images
    model = OnnxModel(manifest, threads=1)
    maps = [
        predict_image(image, 0, model, pixel_size_mm=0.085, mode=mode, stride=stride).heatmap
        for mode, stride in (("dense", None), ("patches", manifest.windows.dense_stride))
    ]
    assert maps[0] is not None
    assert maps[1] is not None
    assert np.nanmax(np.abs(maps[0].scores - maps[1].scores)) < 1e-4
    assert np.array_equal(np.isnan(maps[0].scores), np.isnan(maps[1].scores))


def test_a_folder_without_images_is_refused(make_infn: Callable[[Path], Path], tmp_path: Path) -> None:
    data = make_infn(tmp_path / "data")
    with pytest.raises(TrainingError, match="no image"):
        run_recipe(spec_of(data, tmp_path / "dense", epochs=1, folds=2, images=str(data / "nothing")), lambda _: None)
    assert not (tmp_path / "dense").exists()
