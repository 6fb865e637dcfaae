from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.training.architectures import (  # noqa: E402
    Committee,
    Hyperparameters,
    LocalContrast,
    MicrocalcHypermodel,
    RegionClassifier,
    parameter_count,
)


@pytest.mark.parametrize(("dim", "depth", "count"), [(15, 1, 774_063), (20, 3, 1_084_603), (25, 5, 1_364_738)])
def test_hypermodel_has_the_published_number_of_weights(dim: int, depth: int, count: int) -> None:
    assert parameter_count(MicrocalcHypermodel(Hyperparameters(dim, depth, 0.1))) == count


def test_brightness_and_slow_gradients_do_not_reach_the_network() -> None:
    picture = torch.rand(1, 1, 60, 60) * 0.3
    contrast = LocalContrast()
    assert torch.allclose(contrast(picture), contrast(picture + 0.5), atol=1e-5)
    ramp = torch.linspace(0, 1, 60).expand(1, 1, 60, 60)
    assert contrast(ramp)[:, :, :, 8:-8].abs().max() < 1e-5


def test_local_contrast_is_ten_times_the_difference_from_the_surroundings() -> None:
    picture = torch.zeros(1, 1, 60, 60)
    picture[0, 0, 30, 30] = 1.0
    assert LocalContrast()(picture)[0, 0, 30, 30].item() == pytest.approx(10 * (1 - 1 / 225))


def test_committee_averages_logits_and_keeps_all_features() -> None:
    experts = [MicrocalcHypermodel(Hyperparameters(4, 1, 0.0)).eval() for _ in range(3)]
    pictures = torch.rand(2, 1, 60, 60)
    logits, features = Committee(experts).eval()(pictures)
    assert features.shape == (2, 48, 7, 7)
    expected = torch.stack([expert(pictures)[0] for expert in experts]).mean(dim=0)
    assert torch.allclose(logits, expected, atol=1e-6)


def test_region_classifier_sees_a_mass_that_local_contrast_hides() -> None:
    torch.manual_seed(0)
    base = MicrocalcHypermodel(Hyperparameters(4)).eval()
    network = RegionClassifier(base.trunk, base.channels, 3).eval()
    flat = torch.full((1, 1, 60, 60), 0.4)
    rows, columns = torch.meshgrid(torch.arange(60.0), torch.arange(60.0), indexing="ij")
    mass = flat + 0.2 * torch.exp(-((rows - 30) ** 2 + (columns - 30) ** 2) / (2 * 14.0**2))
    logits, features = network(torch.cat([flat, mass]))
    assert logits.shape == (2, 3)
    assert features.shape == (2, 32, 7, 7)
    near, wide = (features[1] - features[0]).abs().split(16)
    assert wide.mean() > 2 * near.mean()
