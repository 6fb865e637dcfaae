"""The tiny Swin transformer (Liu 2021): attention within windows of 7x7 cells that are shifted from block to block."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_WINDOW = 7
_WIDTH = 96
_DEPTHS = (2, 2, 6, 2)
_HEADS = (3, 6, 12, 24)
_MASKED = -100.0


class WindowAttention(nn.Module):
    """Multi-head attention among the cells of a window, with a learnt bias for each relative place."""

    relative_position_index: Tensor

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * _WINDOW - 1) ** 2, heads))
        self.register_buffer("relative_position_index", _relative_places().flatten())
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        """Return (windows, 49, width) of the same; ``mask`` (windows of one picture, 49, 49) is added to the scores."""
        count, cells, width = windows.shape
        split = self.qkv(windows).reshape(count, cells, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = split[0], split[1], split[2]
        scores = (query * (width // self.heads) ** -0.5) @ key.transpose(-2, -1)
        bias = self.relative_position_bias_table[self.relative_position_index]
        scores = scores + bias.view(cells, cells, self.heads).permute(2, 0, 1).unsqueeze(0)
        if mask is not None:
            pictures = count // len(mask)
            scores = scores.view(pictures, len(mask), self.heads, cells, cells) + mask[:, None]
            scores = scores.view(count, self.heads, cells, cells)
        attended = scores.softmax(dim=-1) @ value
        result: Tensor = self.proj(attended.transpose(1, 2).reshape(count, cells, width))
        return result


class SwinBlock(nn.Module):
    """Attention in windows, every second time shifted by half a window, then two dense layers; both as residuals."""

    def __init__(self, width: int, heads: int, *, shifted: bool) -> None:
        super().__init__()
        self.shift = _WINDOW // 2 if shifted else 0
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Identity(), nn.Linear(4 * width, width), nn.Identity()
        )

    def forward(self, values: Tensor) -> Tensor:
        """Return (n, rows, columns, width) of the same shape."""
        values = values + self._attended(self.norm1(values))
        result: Tensor = values + self.mlp(self.norm2(values))
        return result

    def _attended(self, values: Tensor) -> Tensor:
        count, rows, columns, width = values.shape
        below, right = -rows % _WINDOW, -columns % _WINDOW
        padded = functional.pad(values, (0, 0, 0, right, 0, below))
        high, wide = rows + below, columns + right
        # A picture of one window has nothing to be shifted against.
        shifts = [self.shift if size > _WINDOW else 0 for size in (high, wide)]
        if any(shifts):
            padded = torch.roll(padded, [-shift for shift in shifts], dims=[1, 2])
        mask = _shift_mask(high, wide, shifts, padded) if any(shifts) else None
        attended = _joined(self.attn(_windows(padded), mask), count, high, wide, width)
        if any(shifts):
            attended = torch.roll(attended, shifts, dims=[1, 2])
        return attended[:, :rows, :columns]


class PatchMerging(nn.Module):
    """Four neighbouring cells become one of twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        """Return (n, rows / 2, columns / 2, 2 width)."""
        padded = functional.pad(values, (0, 0, 0, values.shape[2] % 2, 0, values.shape[1] % 2))
        corners = [padded[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        result: Tensor = self.reduction(self.norm(torch.cat(corners, dim=-1)))
        return result


class SwinTiny(nn.Module):
    """4x4 patches, four stages of blocks; feature maps are 32 times smaller than the picture."""

    def __init__(self, inputs: int = 3) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(inputs, _WIDTH, 4, 4), _ChannelsLast(), nn.LayerNorm(_WIDTH))
        stages: list[nn.Module] = [stem]
        width = _WIDTH
        for number, (depth, heads) in enumerate(zip(_DEPTHS, _HEADS, strict=True)):
            if number:
                stages.append(PatchMerging(width))
                width *= 2
            stages.append(nn.Sequential(*(SwinBlock(width, heads, shifted=bool(i % 2)) for i in range(depth))))
        self.features = nn.Sequential(*stages)
        self.norm = nn.LayerNorm(width)
        self.channels = width

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the feature maps (n, 768, rows / 32, columns / 32)."""
        result: Tensor = self.norm(self.features(pictures)).permute(0, 3, 1, 2)
        return result


class _ChannelsLast(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return values.permute(0, 2, 3, 1)


def _windows(values: Tensor) -> Tensor:
    """Cut (n, rows, columns, width) into windows (n * windows, 49, width)."""
    count, rows, columns, width = values.shape
    cut = values.view(count, rows // _WINDOW, _WINDOW, columns // _WINDOW, _WINDOW, width)
    return cut.permute(0, 1, 3, 2, 4, 5).reshape(-1, _WINDOW * _WINDOW, width)


def _joined(windows: Tensor, count: int, rows: int, columns: int, width: int) -> Tensor:
    cut = windows.view(count, rows // _WINDOW, columns // _WINDOW, _WINDOW, _WINDOW, width)
    return cut.permute(0, 1, 3, 2, 4, 5).reshape(count, rows, columns, width)


def _shift_mask(rows: int, columns: int, shifts: list[int], like: Tensor) -> Tensor:
    """Return what keeps cells that were no neighbours before the shift from seeing each other, (windows, 49, 49)."""
    parts = like.new_zeros((rows, columns))
    number = 0
    for row_part in _parts(rows, shifts[0]):
        for column_part in _parts(columns, shifts[1]):
            parts[row_part, column_part] = number
            number += 1
    cells = _windows(parts[None, :, :, None]).squeeze(-1)
    different = cells[:, None, :] != cells[:, :, None]
    return different.to(like.dtype) * _MASKED


def _parts(size: int, shift: int) -> list[slice]:
    if not shift:
        return [slice(0, size)]
    return [slice(0, size - _WINDOW), slice(size - _WINDOW, size - shift), slice(size - shift, size)]


def _relative_places() -> Tensor:
    axis = torch.arange(_WINDOW)
    places = torch.stack(torch.meshgrid(axis, axis, indexing="ij")).flatten(1)
    apart = (places[:, :, None] - places[:, None, :]) + _WINDOW - 1
    return apart[0] * (2 * _WINDOW - 1) + apart[1]
