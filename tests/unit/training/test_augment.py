from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.training.augment import Augmentation  # noqa: E402


def changed(pictures: torch.Tensor, seed: int, **settings: object) -> torch.Tensor:
    return Augmentation(**settings)(pictures, torch.Generator().manual_seed(seed))  # type: ignore[arg-type]


STILL = {"rotation_degrees": 0.0, "shift_px": 0.0, "zoom": 0.0, "blur_probability": 0.0, "gamma": 0.0}
QUIET = {"contrast": (1.0, 1.0), "brightness": 0.0, "noise": 0.0}


def test_the_generator_decides() -> None:
    pictures = torch.rand(4, 1, 60, 60)
    assert torch.equal(changed(pictures, 1), changed(pictures, 1))
    assert not torch.equal(changed(pictures, 1), changed(pictures, 2))


def test_values_stay_in_range_and_the_input_is_unchanged() -> None:
    pictures = torch.rand(16, 1, 60, 60)
    before = pictures.clone()
    result = changed(pictures, 3)
    assert result.shape == pictures.shape
    assert result.min() >= 0
    assert result.max() <= 1
    assert torch.equal(pictures, before)


def test_without_strengths_only_quarter_turns_and_mirroring_remain() -> None:
    pictures = torch.rand(1, 1, 12, 12) * 0.9 + 0.05
    result = changed(pictures, 5, **STILL, **QUIET)
    versions = [torch.rot90(p, k, (2, 3)) for k in range(4) for p in (pictures, pictures.flip(3))]
    assert any(torch.allclose(result, version, atol=1e-4) for version in versions)


def test_shift_stays_within_three_pixels() -> None:
    pictures = torch.zeros(64, 1, 61, 61)
    pictures[:, :, 30, 30] = 1.0
    settings = {**STILL, **QUIET, "shift_px": 3.0}
    rows = changed(pictures, 7, **settings)[:, 0].flatten(1).argmax(dim=1) // 61
    assert (rows - 30).abs().max() <= 3
    assert len(set(rows.tolist())) > 3


def test_blur_lowers_the_contrast_of_some_patches_only() -> None:
    pictures = torch.rand(64, 1, 30, 30)
    result = changed(pictures, 9, **{**STILL, **QUIET, "blur_probability": 0.5})
    ratio = result.std(dim=(1, 2, 3)) / pictures.std(dim=(1, 2, 3))
    untouched = (ratio > 0.99).sum().item()
    assert 16 < untouched < 48
