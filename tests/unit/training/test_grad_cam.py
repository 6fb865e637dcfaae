from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.inference.feature_places import FeaturePlaces  # noqa: E402
from mammoviewer.training.architectures import Network  # noqa: E402
from mammoviewer.training.grad_cam import grad_cam  # noqa: E402


class Bright(Network):
    """Its logit is the mean brightness; darkness counts for the second logit."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = torch.nn.AvgPool2d(4)
        self.head = torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(1, 2))
        self.head[2].weight.data = torch.tensor([[1.0], [-1.0]])


def test_the_map_is_where_the_logit_comes_from() -> None:
    pictures = torch.zeros(2, 1, 16, 16)
    pictures[0, 0, :8, 8:] = 1.0
    maps = grad_cam(Bright().eval(), pictures)
    assert maps.shape == (2, 16, 16)
    assert maps[0].max() == 1.0
    assert maps[0, :6, 10:].min() > 0.5 > maps[0, 10:, :6].max()
    assert not maps[1].any()
    assert not grad_cam(Bright().eval(), pictures, output=1)[0].any()


class Unpadded(Network):
    """Looks, with twelve cells of four pixels, at the inner part of sixty pixels; counts what is bright."""

    FIRST, STEP = 7.5, 4.0
    """2 behind the first kernel, half a pixel more behind the first pooling, 4 and 1 more behind the second pair."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = torch.nn.Sequential(
            torch.nn.Conv2d(1, 3, 5, bias=False),
            torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(3, 4, 5, bias=False),
            torch.nn.MaxPool2d(2),
        )
        self.head = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 1))
        generator = torch.Generator().manual_seed(5)
        for weights in self.parameters():
            weights.data = torch.rand(weights.shape, generator=generator)


def occluded(network: Network, picture: torch.Tensor, side: int = 5) -> np.ndarray:
    """Return by how much the logit falls where a square of a picture is covered, in float64."""
    across = picture.shape[2] // side
    whole, covered = network.double(), picture[None].double().repeat(across * across, 1, 1, 1)
    for number, one in enumerate(covered):
        row, column = number // across * side, number % across * side
        one[:, row : row + side, column : column + side] = 0.0
    with torch.no_grad():
        falls = whole(picture[None].double())[0][0, 0] - whole(covered)[0][:, 0]
    network.float()
    return np.kron(falls.clamp_min(0.0).numpy().reshape(across, across), np.ones((side, side)))


def middle(values: np.ndarray) -> tuple[float, float]:
    rows, columns = np.mgrid[0 : values.shape[0], 0 : values.shape[1]]
    return float((rows * values).sum() / values.sum()), float((columns * values).sum() / values.sum())


@pytest.mark.parametrize("place", [(12, 47), (42, 17)])
def test_without_padding_the_map_lies_where_covering_takes_the_evidence_away(place: tuple[int, int]) -> None:
    network, picture = Unpadded().eval(), torch.zeros(1, 60, 60)
    picture[0, place[0] - 1 : place[0] + 2, place[1] - 1 : place[1] + 2] = 1.0
    (values,) = grad_cam(network, picture[None])
    assert middle(occluded(network, picture)) == pytest.approx(place, abs=1.5)
    assert middle(values) == pytest.approx(place, abs=1.5)


def test_maps_are_those_of_float64_on_the_grid_worked_out_by_hand() -> None:
    network = Unpadded().eval()
    pictures = torch.rand(2, 1, 60, 60, generator=torch.Generator().manual_seed(3)) ** 8
    maps = grad_cam(network, pictures)
    exact = network.double()
    features = exact.trunk(pictures.double()).detach()
    weights = exact.head[2].weight.detach()[0] / features[0, 0].numel()
    small = np.maximum(np.einsum("k,nkij->nij", weights.numpy(), features.numpy()), 0.0)
    places = FeaturePlaces((Unpadded.FIRST,) * 2, (Unpadded.STEP,) * 2, (60, 60))
    wanted = np.stack([places.spread(one.astype(np.float32), (60, 60)) for one in small])
    np.testing.assert_allclose(maps, wanted / wanted.max(axis=(1, 2), keepdims=True), atol=1e-5)
    assert not maps[:, :3].any(), "what no cell looks at has no evidence"
