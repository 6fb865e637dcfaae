"""The zoo has the networks of the papers: numbers of weights as published, feature maps of the right size."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mammoviewer.base.errors import TrainingError
from mammoviewer.training.architectures import Network
from mammoviewer.training.networks.dbt_cnn import GreyToColour, cnn1, cnn2, dbt_dcnn, dbt_dcnn_matlab
from mammoviewer.training.networks.heads import GapLinear
from mammoviewer.training.networks.zoo import (
    BACKBONES,
    SLICE_NETWORKS,
    ZooClassifier,
    backbone_entry,
    channels_of,
    feature_shape,
    slice_network,
)

pytestmark = pytest.mark.torch

# The numbers that their authors (or torchvision's tables, less the classifier of 1000 classes) state.
PUBLISHED = {
    "alexnet": 61_100_840 - 58_631_144,
    "vgg16": 138_357_544 - 123_642_856,
    "vgg19": 143_667_240 - 123_642_856,
    "resnet18": 11_689_512 - 513_000,
    "resnet50": 25_557_032 - 2_049_000,
    "densenet121": 7_978_856 - 1_025_000,
    "mobilenet_v2": 3_504_872 - 1_281_000,
    "efficientnet_b4": 19_341_616 - 1_793_000,
    "efficientnet_v2_s": 21_458_488 - 1_281_000,
    "swin_t": 28_288_354 - 769_000,
}


def _weights(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize("name", PUBLISHED)
def test_backbones_have_the_published_number_of_weights(name: str) -> None:
    with torch.device("meta"):
        assert _weights(BACKBONES[name].make(3)) == PUBLISHED[name]


def test_darknet_has_the_weights_of_its_nineteen_convolutions() -> None:
    with torch.device("meta"):
        network = BACKBONES["darknet19"].make(3)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    widths = [3, 32, 64, 128, 64, 128, 256, 128, 256, 512, 256, 512, 256, 512, 1024, 512, 1024, 512, 1024]
    sides = [3, 3, 3, 1, 3, 3, 1, 3, 3, 1, 3, 1, 3, 3, 1, 3, 1, 3]
    # the nineteenth is the classifier
    assert [tuple(m.weight.shape[:3]) for m in convolutions] == [
        (widths[i + 1], widths[i], side) for i, side in enumerate(sides)
    ]


def test_the_slice_networks_have_the_numbers_of_their_source() -> None:
    with torch.device("meta"):
        assert _weights(dbt_dcnn_matlab(2)) == 190_927_106
        assert _weights(dbt_dcnn(2)) == 166_386
        assert _weights(GreyToColour(nn.Identity())) == 771


def test_small_networks_have_three_convolutions_a_block() -> None:
    for network, blocks in ((cnn1(2), 2), (cnn2(3), 3)):
        assert sum(isinstance(module, nn.Conv2d) for module in network.trunk.modules()) == 3 * blocks


@pytest.mark.parametrize(("name", "classes"), [("CNN1", 3), ("DBT_DCNN", 2), ("ResNet18", 2)])
def test_slice_networks_give_logits_and_features(name: str, classes: int) -> None:
    network = slice_network(name, classes, rate=0.1).eval()
    with torch.no_grad():
        logits, features = network(torch.rand(1, 1, 300, 300))
        again = network.head(features)
    assert logits.shape == (1, classes)
    assert features.shape[:2] == (1, network.channels)
    torch.testing.assert_close(again, logits)


def test_the_source_names_ten_networks() -> None:
    assert len(SLICE_NETWORKS) == 10


@pytest.mark.parametrize("head", ["linear", "mlp", "flatten"])
def test_heads_give_one_logit_a_class(head: str) -> None:
    network = ZooClassifier("mobilenet_v2", 4, shape=(64, 64), inputs=3, head=head).eval()
    with torch.no_grad():
        assert network(torch.rand(2, 3, 64, 64))[0].shape == (2, 4)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_backbones_shrink_by_their_stride(name: str) -> None:
    with torch.device("meta"):
        backbone = BACKBONES[name].make(1)
        shape = backbone(torch.zeros(1, 1, 64, 96)).shape
    assert shape[1] == channels_of(backbone) >= 256
    assert shape[2:] == ((1, 2) if name == "alexnet" else (2, 3))


def test_attention_is_the_same_in_any_window_of_a_repeated_picture() -> None:
    backbone = BACKBONES["swin_t"].make(1).eval()
    with torch.no_grad():
        flat = backbone(torch.full((1, 1, 448, 448), 0.3))
    # a picture without structure: every cell sees the same cells, masked or shifted or not
    assert float((flat - flat[:, :, :1, :1]).abs().max()) < 1e-4


def test_the_mean_of_the_class_map_is_the_logit() -> None:
    torch.manual_seed(0)
    head = GapLinear(5, 3).eval()
    features = torch.rand(2, 5, 4, 6)
    maps = torch.einsum("kc,nchw->nkhw", head.linear.weight, features)
    torch.testing.assert_close(maps.mean(dim=(2, 3)) + head.linear.bias, head(features))


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(TrainingError, match="no network 'LeNet'") as caught:
        slice_network("LeNet", 2, rate=0.1)
    assert "DBT_DCNN" in caught.value.hint
    with pytest.raises(TrainingError, match="no backbone"):
        backbone_entry("lenet")
    with pytest.raises(TrainingError, match="no head"):
        ZooClassifier("alexnet", 2, shape=(64, 64), head="none")


def test_the_shape_of_the_features_leaves_the_mode_alone() -> None:
    network = dbt_dcnn(2).train()
    assert feature_shape(network.trunk, (1, 300, 300)) == (64, 10, 10)
    assert network.trunk.training


def test_pictures_that_are_too_small_are_refused() -> None:
    with pytest.raises(TrainingError, match="too small"):
        ZooClassifier("alexnet", 2, shape=(16, 16))


def test_every_network_of_the_zoo_has_trunk_and_head() -> None:
    network: Network = ZooClassifier("resnet18", 2, shape=(64, 64))
    assert network.head_outputs == 2
    assert network.channels == 512
