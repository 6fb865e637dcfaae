"""CNNI-BCC, the patch network of S4: 309,731 weights with depthwise kernels of 32x32 and 64x64, or 15,683 with 3x3.

Layers: convolution 3x3 stride 2 to 32 channels; depthwise 32x32; convolution 1x1 to 64; depthwise 64x64 stride 2;
average pooling 4x4; dense to three classes. "Same" borders (begin, end) of (0, 1), (15, 16) and (31, 31). ReLU after
each convolution. Pictures are float32 (n, 1, 128, 128), features (n, 64, 8, 8).

A large kernel is slow on a processor when it is slid. Training therefore either convolves by Fourier transform, or
keeps the kernel as the sum of a fine middle and of squares of pixels with one weight each (which also leaves fewer free
weights to fit to few lesions). :meth:`CnniBcc.plain` gives the network of the paper, with
full kernels and ordinary convolutions, that computes the same.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammoviewer.training.architectures import Network

PATCH_PX = 128
CLASSES = 3
Kernels = Literal["paper", "3x3"]
Form = Literal["plain", "fourier", "squares"]
_CHANNELS = 64
_POOL = 4
_FIELDS = PATCH_PX // 16
_FINE_PX = 5
_SQUARE_PX = 8


class PlainDepthwise(nn.Module):
    """A depthwise convolution with a border of zeros, ``begin`` rows and columns before and ``end`` after."""

    def __init__(self, channels: int, kernel: int, stride: int, border: tuple[int, int]) -> None:
        super().__init__()
        self.border = (*border, *border)
        self.convolution = nn.Conv2d(channels, channels, kernel, stride, groups=channels)
        nn.init.zeros_(_bias(self.convolution))
        with torch.no_grad():
            self.convolution.weight.copy_(_bells(channels, kernel))

    def forward(self, maps: Tensor) -> Tensor:
        """Return (n, channels, rows / stride, columns / stride)."""
        result: Tensor = self.convolution(functional.pad(maps, self.border))
        return result

    def kernel(self) -> Tensor:
        """Return the full kernel (channels, 1, k, k)."""
        weight: Tensor = self.convolution.weight
        return weight

    def bias(self) -> Tensor:
        """Return the bias (channels,)."""
        return _bias(self.convolution)


class FourierDepthwise(PlainDepthwise):
    """The same weights, multiplied after a Fourier transform: exact to rounding, and fast for large kernels."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return what the plain convolution returns."""
        stride = self.convolution.stride[0]
        rows, columns = maps.shape[-2:]
        side = self.convolution.kernel_size[0]
        begin, end = self.border[:2]
        size = rows + side - 1, columns + side - 1
        spectrum = torch.fft.rfft2(maps, s=size) * torch.fft.rfft2(self.kernel()[:, 0], s=size).conj()
        turned = torch.roll(torch.fft.irfft2(spectrum, s=size), (begin, begin), dims=(-2, -1))
        inside = turned[..., : rows + begin + end - side + 1 : stride, : columns + begin + end - side + 1 : stride]
        return inside + self.bias()[:, None, None]


class SquaresDepthwise(nn.Module):
    """A kernel of coarse squares of 8x8 pixels plus a fine middle of 5x5: box means, then a dilated convolution.

    The squares begin at 0 and take no part while ``fine_only`` holds.
    """

    box: Tensor

    def __init__(self, channels: int, kernel: int, stride: int, border: tuple[int, int]) -> None:
        super().__init__()
        self.side, self.stride, self.border = kernel, stride, border
        count = kernel // _SQUARE_PX
        self.fine_only = False
        self.coarse = nn.Parameter(torch.zeros(channels, 1, count, count))
        self.fine = nn.Conv2d(channels, channels, _FINE_PX, stride, groups=channels)
        nn.init.zeros_(_bias(self.fine))
        nn.init.normal_(self.fine.weight, std=1.0 / _FINE_PX)
        box = torch.full((channels, 1, _SQUARE_PX, _SQUARE_PX), 1.0 / _SQUARE_PX**2)
        self.register_buffer("box", box, persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (n, channels, rows / stride, columns / stride)."""
        begin, end = self.border
        first = self._fine_start()
        if self.fine_only:
            # the same middle of the kernel on a border as narrow as it needs
            return self._fine(functional.pad(maps, (begin - first, end - self.side + first + _FINE_PX) * 2))
        padded = functional.pad(maps, (begin, end, begin, end))
        means = functional.conv2d(padded, self.box, stride=self.stride, groups=len(self.box))
        coarse: Tensor = DilatedDepthwise.apply(means, self.coarse, _SQUARE_PX // self.stride)  # type: ignore[no-untyped-call]
        width = (coarse.shape[-1] - 1) * self.stride + _FINE_PX
        return coarse + self._fine(padded[..., first : first + width, first : first + width])

    def kernel(self) -> Tensor:
        """Return the full kernel (channels, 1, k, k)."""
        full = self.coarse.repeat_interleave(_SQUARE_PX, dim=2).repeat_interleave(_SQUARE_PX, dim=3)
        full = full / _SQUARE_PX**2
        first, last = self._fine_start(), self._fine_start() + _FINE_PX
        full[..., first:last, first:last] += self.fine.weight
        return full

    def bias(self) -> Tensor:
        """Return the bias (channels,)."""
        return _bias(self.fine)

    def _fine(self, maps: Tensor) -> Tensor:
        if self.stride > 1:
            result: Tensor = self.fine(maps)
            return result
        inner: Tensor = DilatedDepthwise.apply(maps, self.fine.weight, 1)  # type: ignore[no-untyped-call]
        return inner + self.bias()[:, None, None]

    def _fine_start(self) -> int:
        return (self.side - _FINE_PX) // 2


class DilatedDepthwise(torch.autograd.Function):
    """A dilated depthwise convolution whose gradients are convolutions too, several times as fast as torch's own."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, kernel: Tensor, dilation: int) -> Tensor:
        """Return (n, channels, rows, columns) of the places where the whole kernel fits."""
        ctx.save_for_backward(maps, kernel)
        ctx.dilation = dilation
        return functional.conv2d(maps, kernel, dilation=dilation, groups=len(kernel))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """Return the gradients for maps and kernel."""
        maps, kernel = ctx.saved_tensors
        gradient, step, side = gradients[0], ctx.dilation, kernel.shape[-1]
        count, channels = maps.shape[:2]
        full = (side - 1) * step
        to_maps = functional.conv2d(gradient, kernel.flip(-1, -2), dilation=step, padding=full, groups=channels)
        as_kernels = gradient.reshape(count * channels, 1, *gradient.shape[2:])
        flat = maps.reshape(1, count * channels, *maps.shape[2:])
        to_kernel = functional.conv2d(flat, as_kernels, stride=step, groups=count * channels)
        return to_maps, to_kernel.view(count, channels, 1, side, side).sum(dim=0), None


class CnniTrunk(nn.Module):
    """Everything up to the average pooling."""

    def __init__(self, kernels: Kernels, form: Form) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 32, 3, stride=2)
        self.mix = nn.Conv2d(32, _CHANNELS, 1)
        large = kernels == "paper"
        maker = {"plain": PlainDepthwise, "fourier": FourierDepthwise, "squares": SquaresDepthwise}[form]
        self.wide = maker(32, 32, 1, (15, 16)) if large else PlainDepthwise(32, 3, 1, (1, 1))
        self.wider = maker(_CHANNELS, 64, 2, (31, 31)) if large else PlainDepthwise(_CHANNELS, 3, 2, (0, 1))
        for layer in (self.first, self.mix):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(_bias(layer))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (n, 64, 8, 8)."""
        maps = functional.relu(self.first(functional.pad(pictures, (0, 1, 0, 1))))
        maps = functional.relu(self.mix(functional.relu(self.wide(maps))))
        return functional.avg_pool2d(functional.relu(self.wider(maps)), _POOL)


class CnniHead(nn.Module):
    """Flattened as rows, columns, channels; then one dense layer. ``dropout`` acts in training alone."""

    def __init__(self, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(_CHANNELS * _FIELDS**2, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (n, classes)."""
        logits: Tensor = self.dense(self.dropout(features.permute(0, 2, 3, 1).flatten(1)))
        return logits


class CnniBcc(Network):
    """The network; ``kernels`` "paper" or "3x3", ``form`` how large kernels are convolved."""

    def __init__(
        self, kernels: Kernels = "paper", *, form: Form = "plain", classes: int = CLASSES, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.kernels: Kernels = kernels
        self.channels, self.head_outputs = _CHANNELS, classes
        self._dropout = dropout
        self.cnni_trunk = CnniTrunk(kernels, form)
        self.cnni_head = CnniHead(classes, dropout)
        self.trunk, self.head = self.cnni_trunk, self.cnni_head

    def set_fine_only(self, fine_only: bool) -> None:
        """Leave the squares of the form "squares" out, or let them take part; other forms have none."""
        for module in self.modules():
            if isinstance(module, SquaresDepthwise):
                module.fine_only = fine_only
                module.coarse.requires_grad_(not fine_only)

    @torch.no_grad()
    def plain(self) -> CnniBcc:
        """Return the network with ordinary convolutions that computes the same."""
        result = CnniBcc(self.kernels, classes=self.head_outputs, dropout=self._dropout)
        source, target = self.cnni_trunk, result.cnni_trunk
        for name in ("first", "mix"):
            getattr(target, name).load_state_dict(getattr(source, name).state_dict())
        for name in ("wide", "wider"):
            getattr(target, name).convolution.weight.copy_(getattr(source, name).kernel())
            getattr(target, name).convolution.bias.copy_(getattr(source, name).bias())
        result.cnni_head.load_state_dict(self.cnni_head.state_dict())
        return result.train(self.training)


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _bells(channels: int, kernel: int) -> Tensor:
    """Return random kernels (channels, 1, k, k) that fade towards their edge and have the norm of He's start."""
    place = torch.arange(kernel) - (kernel - 1) / 2
    bell = torch.exp(-(place[:, None] ** 2 + place[None, :] ** 2) / (2 * max(1.0, kernel / 8) ** 2))
    random = torch.randn(channels, 1, kernel, kernel) * bell
    result: Tensor = random * (math.sqrt(2) / random.flatten(1).norm(dim=1)[:, None, None, None])
    return result
