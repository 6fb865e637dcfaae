from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.training.networks.dense_microcalc import (  # noqa: E402
    DENSE_STRIDE,
    MAP_SIDE,
    DenseMicrocalc,
    OnePass,
    ValidContrast,
)


@pytest.fixture
def network() -> DenseMicrocalc:
    torch.manual_seed(2)
    made = DenseMicrocalc((4, 5, 6, 7), hidden=8).eval()
    for tensor in made.buffers():
        if tensor.ndim == 1:
            tensor.data.uniform_(0.2, 0.9)
    return made


def test_one_pass_gives_what_the_patches_give(network: DenseMicrocalc) -> None:
    picture = torch.rand(1, 1, 60 + 3 * DENSE_STRIDE, 60 + 5 * DENSE_STRIDE)
    with torch.no_grad():
        dense = OnePass(network)(picture)
        assert dense.shape == (1, 1, 4, 6)
        for row in range(4):
            for column in range(6):
                first = (row * DENSE_STRIDE, column * DENSE_STRIDE)
                patch = picture[:, :, first[0] : first[0] + 60, first[1] : first[1] + 60]
                assert torch.allclose(network(patch)[0], dense[:, :, row, column], atol=1e-5)


def test_a_patch_has_the_feature_map_that_the_one_pass_form_pools_over(network: DenseMicrocalc) -> None:
    with torch.no_grad():
        features = network(torch.rand(2, 1, 60, 60))[1]
    assert features.shape == (2, 7, MAP_SIDE, MAP_SIDE)


def test_brightness_does_not_count(network: DenseMicrocalc) -> None:
    picture = torch.rand(1, 1, 60, 60) * 0.5
    with torch.no_grad():
        assert torch.allclose(network(picture)[0], network(picture + 0.4)[0], atol=1e-4)
    assert torch.allclose(ValidContrast()(torch.full((1, 1, 60, 60), 0.7)), torch.zeros(1, 1, 52, 52), atol=1e-5)
