"""A small trained-looking model folder and small patch sets, so that a test needs seconds, not minutes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoviewer.datasets.patch_set import PatchSet


@pytest.fixture(scope="session")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of the smallest hypermodel, with random weights."""
    torch = pytest.importorskip("torch")
    from mammoviewer.training.architectures import Hyperparameters, MicrocalcHypermodel
    from mammoviewer.training.bundle import BundleFacts, write_bundle

    folder = tmp_path_factory.mktemp("models") / "base"
    folder.mkdir()
    torch.manual_seed(3)
    facts = BundleFacts(
        name="base",
        tag="1",
        title="Base",
        classes=("normal", "microcalcification"),
        positive_class="microcalcification",
        operating_threshold=0.5,
        patch=(60, 60),
        pixel_size_mm=0.085,
        preprocessing=({"op": "voi"}, {"op": "resample_pixel_size"}, {"op": "scale", "divide_by": 255.0}),
        kinds=("MAMMOGRAM",),
        card="# Base\n",
        intended_use="tests",
    )
    network = MicrocalcHypermodel(Hyperparameters(dim=4)).eval()
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.ndim == 1:
            # as after training: no two tensors are equal, or the exporter would store them once
            tensor.data.uniform_(0.1, 0.9)
    write_bundle(folder, network, facts)
    return folder


@pytest.fixture(scope="session")
def make_patches() -> Callable[..., PatchSet]:
    """Makes patches of smooth noise, those of class "specks" with bright dots; a group has two patches."""

    def make(regions_per_class: int, classes: tuple[str, ...] = ("plain", "specks"), seed: int = 0) -> PatchSet:
        generator = np.random.default_rng(seed)
        images, labels, groups = [], [], []
        for region in range(regions_per_class * len(classes)):
            label = region % len(classes)
            for _ in range(2):
                image = 0.4 + generator.normal(0, 0.01, (60, 60))
                rows, columns = generator.integers(10, 50, (2, 12))
                if classes[label] == "specks":
                    image[rows, columns] += 0.4
                if classes[label] == "mass":
                    middle = generator.integers(24, 36, 2)
                    distance = np.hypot(*(np.mgrid[:60, :60] - middle[:, None, None]))
                    image += 0.2 * (distance < generator.integers(12, 20))
                images.append(np.clip(image, 0, 1).astype(np.float32))
                labels.append(label)
                groups.append(f"region {region}")
        return PatchSet(np.stack(images), tuple(labels), tuple(groups), tuple(groups), classes)

    return make


@pytest.fixture(scope="session")
def make_infn() -> Callable[[Path], Path]:
    """Writes a folder in the layout of the INFN set: 48 patches of 24 cases, those of class 1 with bright dots."""

    def make(folder: Path) -> Path:
        folder.mkdir(parents=True)
        generator = np.random.default_rng(0)
        lines = ["file,label,case"]
        for number in range(48):
            image = generator.normal(90, 4, (60, 60))
            if number % 2:
                image[tuple(generator.integers(5, 55, (2, 15)))] += 120
            name = f"{number % 2}_{number}.png"
            assert cv2.imwrite(str(folder / name), image.clip(0, 255).astype(np.uint8))
            lines.append(f"{name},{number % 2},case{number // 2}")
        (folder / "patches.csv").write_text("\n".join(lines), encoding="utf-8")
        return folder

    return make
