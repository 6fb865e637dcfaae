"""The networks by name: what each is, how it is made, and whether weights trained elsewhere fit it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from mammoviewer.base.errors import TrainingError
from mammoviewer.training.architectures import Network
from mammoviewer.training.networks import dbt_cnn
from mammoviewer.training.networks.densenet import DenseNet121
from mammoviewer.training.networks.heads import FlattenDense, GapLinear, GapMlp
from mammoviewer.training.networks.inverted import efficientnet_b4, efficientnet_v2_s, mobilenet_v2
from mammoviewer.training.networks.plain import alexnet, darknet19, vgg
from mammoviewer.training.networks.resnet import resnet18, resnet50
from mammoviewer.training.networks.swin import SwinTiny

HEADS = ("linear", "mlp", "flatten")


@dataclass(frozen=True)
class BackboneEntry:
    """One convolutional part; ``squeezed`` tells that channels are weighed by means over the whole picture.

    Such a network, and one of attention, cannot be run over a whole image in one pass with the results of windows.
    """

    title: str
    source: str
    make: Callable[[int], nn.Module]
    squeezed: bool = False


BACKBONES: Mapping[str, BackboneEntry] = {
    "alexnet": BackboneEntry("AlexNet", "Krizhevsky 2014", alexnet),
    "vgg16": BackboneEntry("VGG16", "Simonyan 2014", lambda inputs: vgg(16, inputs)),
    "vgg19": BackboneEntry("VGG19", "Simonyan 2014", lambda inputs: vgg(19, inputs)),
    "darknet19": BackboneEntry("Darknet19", "Redmon 2016", darknet19),
    "resnet18": BackboneEntry("ResNet18", "He 2016", resnet18),
    "resnet50": BackboneEntry("ResNet50", "He 2016", resnet50),
    "densenet121": BackboneEntry("DenseNet121", "Huang 2017", DenseNet121),
    "mobilenet_v2": BackboneEntry("MobileNetV2", "Sandler 2018", mobilenet_v2),
    "efficientnet_b4": BackboneEntry("EfficientNet-B4", "Tan 2019", efficientnet_b4, squeezed=True),
    "efficientnet_v2_s": BackboneEntry("EfficientNetV2-S", "Tan 2021", efficientnet_v2_s, squeezed=True),
    "swin_t": BackboneEntry("Swin-T", "Liu 2021", SwinTiny, squeezed=True),
}

_SLICE_NETWORKS: Mapping[str, Callable[..., Network]] = {
    "DBT_DCNN_matlab": dbt_cnn.dbt_dcnn_matlab,
    "DBT_DCNN": dbt_cnn.dbt_dcnn,
    "CNN1": dbt_cnn.cnn1,
    "CNN2": dbt_cnn.cnn2,
}
_SLICE_BACKBONES: Mapping[str, str] = {
    "Darknet19": "darknet19",
    "ResNet18": "resnet18",
    "VGG16": "vgg16",
    "VGG19": "vgg19",
    "DenseNet121": "densenet121",
    "AlexNet": "alexnet",
}
SLICE_NETWORKS = (*_SLICE_NETWORKS, *_SLICE_BACKBONES)
"""The ten networks for slices of tomosynthesis, by the names of their source."""


class ZooClassifier(Network):
    """A backbone with a head of one's choice, for pictures (n, inputs, rows, columns) of the size ``shape``.

    Parameters
    ----------
    head
        "linear" (mean and one layer), "mlp" (mean, 512 ReLU units, one layer) or "flatten" (two dense layers).
    coloured
        Put a 16x16 convolution of one channel to three in front, so that a backbone for colour pictures fits.
    """

    def __init__(
        self,
        name: str,
        classes: int,
        *,
        shape: tuple[int, int],
        inputs: int = 1,
        head: str = "linear",
        rate: float = 0.0,
        dense: int = 16,
        coloured: bool = False,
    ) -> None:
        super().__init__()
        entry = backbone_entry(name)
        self.backbone_name = name
        self.backbone = entry.make(3 if coloured else inputs)
        self.trunk = dbt_cnn.GreyToColour(self.backbone) if coloured else self.backbone
        self.head_outputs = classes
        rows, columns = feature_shape(self.trunk, (1 if coloured else inputs, *shape))[1:]
        self.channels = channels_of(self.backbone)
        if head == "linear":
            self.head = GapLinear(self.channels, classes, rate=rate)
        elif head == "mlp":
            self.head = GapMlp(self.channels, classes, rate=rate)
        elif head == "flatten":
            self.head = FlattenDense((self.channels, rows, columns), classes, dense=dense, rate=rate)
        else:
            raise TrainingError(f"there is no head {head!r}", hint="heads: " + ", ".join(HEADS))


def backbone_entry(name: str) -> BackboneEntry:
    """Return the entry of a backbone.

    Raises
    ------
    TrainingError
        There is none of that name.
    """
    if name not in BACKBONES:
        raise TrainingError(f"there is no backbone {name!r}", hint="backbones: " + ", ".join(BACKBONES))
    return BACKBONES[name]


def slice_network(name: str, classes: int, *, rate: float, dense: int = 16) -> Network:
    """Return one of the ten networks for 300x300 slices.

    Those with a backbone take it over from colour pictures: a 16x16 convolution in front, two dense layers behind.

    Raises
    ------
    TrainingError
        There is none of that name.
    """
    if name in _SLICE_NETWORKS:
        return _SLICE_NETWORKS[name](classes, rate=rate)
    if name not in _SLICE_BACKBONES:
        raise TrainingError(f"there is no network {name!r}", hint="networks: " + ", ".join(SLICE_NETWORKS))
    shape = (dbt_cnn.SLICE_PX, dbt_cnn.SLICE_PX)
    backbone = _SLICE_BACKBONES[name]
    return ZooClassifier(backbone, classes, shape=shape, head="flatten", rate=rate, dense=dense, coloured=True)


def feature_shape(trunk: nn.Module, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return (channels, rows, columns) of the feature map of a picture of ``shape`` (channels, rows, columns).

    Raises
    ------
    TrainingError
        The picture is too small for the network.
    """
    mode = trunk.training
    trunk.eval()
    try:
        with torch.no_grad():
            channels, rows, columns = trunk(torch.zeros(1, *shape)).shape[1:]
    except RuntimeError as error:
        reason = f"pictures of {shape[1]}x{shape[2]} pixels are too small for this network"
        raise TrainingError(reason, hint="choose larger pictures or another network") from error
    finally:
        trunk.train(mode)
    return int(channels), int(rows), int(columns)


def channels_of(backbone: nn.Module) -> int:
    """Return the number of feature maps of a backbone of the zoo."""
    channels = backbone.channels
    if not isinstance(channels, int):
        raise TypeError("a backbone states its channels")
    return channels
