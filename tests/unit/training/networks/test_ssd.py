"""Default boxes, their coding and matching, and the loss, against cases made by hand."""

from __future__ import annotations

import math

import pytest
import torch

from mammoviewer.training.networks.ssd import (
    CENTRE_SCALE,
    SIDE_SCALE,
    SsdNetwork,
    boxes_of_circles,
    decode,
    default_boxes,
    detection_loss,
    encode,
    intersection_over_union,
    match,
)

pytestmark = pytest.mark.torch


def test_there_are_six_default_boxes_at_each_place_of_each_map() -> None:
    boxes = default_boxes(64, 96)
    assert len(boxes) == 6 * (8 * 12 + 4 * 6 + 2 * 3)
    assert boxes[0].tolist() == pytest.approx([4 - 4.5, 4 - 4.5, 4 + 4.5, 4 + 4.5])
    last = boxes[-1]
    assert ((last[:2] + last[2:]) / 2).tolist() == [48.0, 80.0]


def test_the_code_of_a_box_is_that_of_the_ssd_paper() -> None:
    default = torch.tensor([[0.0, 0.0, 10.0, 20.0]])
    box = torch.tensor([[1.0, 4.0, 21.0, 24.0]])
    expected = [6 / 10 / CENTRE_SCALE, 4 / 20 / CENTRE_SCALE, math.log(2) / SIDE_SCALE, 0.0]
    assert encode(box, default)[0].tolist() == pytest.approx(expected)
    assert decode(encode(box, default), default)[0].tolist() == pytest.approx(box[0].tolist(), abs=1e-4)


def test_the_overlap_of_two_boxes() -> None:
    first = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    second = torch.tensor([[1.0, 1.0, 3.0, 3.0], [0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 6.0, 6.0]])
    assert intersection_over_union(first, second)[0].tolist() == pytest.approx([1 / 7, 1.0, 0.0])


def test_a_lesion_takes_its_best_default_box_however_little_it_overlaps() -> None:
    defaults = torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 10.0, 10.0, 20.0], [40.0, 40.0, 50.0, 50.0]])
    truth = torch.tensor([[0.0, 0.0, 10.0, 12.0], [44.0, 44.0, 46.0, 46.0]])
    classes, offsets = match(truth, torch.tensor([1, 2]), defaults)
    assert classes.tolist() == [1, 0, 2]
    assert offsets[1].tolist() == [0.0] * 4
    assert decode(offsets, defaults)[2].tolist() == pytest.approx(truth[1].tolist(), abs=1e-4)


def test_a_picture_without_a_lesion_is_all_background() -> None:
    classes, offsets = match(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), default_boxes(64, 64))
    assert not classes.any()
    assert not offsets.any()


def test_the_loss_takes_three_hard_negatives_for_each_positive() -> None:
    logits = torch.zeros(1, 6, 2)
    logits[0, :, 0] = torch.tensor([0.0, 4.0, 3.0, 2.0, 1.0, 5.0])
    classes = torch.tensor([[1, 0, 0, 0, 0, 0]])
    offsets, wanted = torch.zeros(1, 6, 4), torch.zeros(1, 6, 4)
    wanted[0, 0] = torch.tensor([0.5, 0.0, 2.0, 0.0])
    negatives = sum(math.log(1 + math.exp(-value)) for value in (1.0, 2.0, 3.0))
    smooth_l1 = 0.5 * 0.25 + 1.5
    found = detection_loss(logits, offsets, classes, wanted, alpha=0.5, fewest_negatives=0)
    assert float(found) == pytest.approx(math.log(2) + negatives + 0.5 * smooth_l1, abs=1e-5)


def test_default_boxes_of_another_size_within_a_lesion_teach_nothing() -> None:
    truth = torch.tensor([[8.0, 8.0, 40.0, 40.0]])
    classes, _ = match(truth, torch.tensor([1]), default_boxes(64, 64), least_overlap=0.6)
    middles = (default_boxes(64, 64)[:, :2] + default_boxes(64, 64)[:, 2:]) / 2
    within = ((middles >= 8) & (middles <= 40)).all(dim=1)
    assert set(classes[within].tolist()) == {-1, 1}
    assert not classes[~within].any()
    logits, offsets = torch.zeros(1, len(classes), 2), torch.zeros(1, len(classes), 4)
    before = detection_loss(logits, offsets, classes[None], offsets)
    logits[0, classes == -1] = torch.tensor([-50.0, 50.0])
    assert float(detection_loss(logits, offsets, classes[None], offsets)) == pytest.approx(float(before))
    assert float(detection_loss(logits, offsets, classes[None], offsets, count=1.0)) == pytest.approx(
        float(before) * max(1, int((classes > 0).sum()))
    ), "divided by the number that is given"


def _network() -> SsdNetwork:
    torch.manual_seed(1)
    network = SsdNetwork(2, width=4, readers=2, shape=(64, 64)).eval()
    network.scaling.settle(network.front(torch.rand(2, 1, 64, 64)))
    return network


def test_the_network_gives_decoded_boxes_and_starts_with_background() -> None:
    network = _network()
    pictures = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        logits, boxes, features = network(pictures)
        readers = network.raw(network.front(pictures))
    count = 6 * (64 + 16 + 4)
    assert logits.shape == (2, count, 2)
    assert boxes.shape == readers[0][1].shape == (2, count, 4)
    assert features.shape == (2, 8, 8, 8)
    assert float(torch.softmax(logits, dim=2)[..., 1].mean()) < 0.1


def test_a_mirrored_picture_gives_the_mirrored_boxes() -> None:
    network = _network()
    picture = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        logits, boxes, _ = network(picture)
        other_logits, other, _ = network(picture.flip(-1))
    assert float(boxes[..., 1].std()) > 1
    mirrored = torch.stack([other[..., 0], 64 - other[..., 3], other[..., 2], 64 - other[..., 1]], dim=-1)
    size = 6 * 8
    for row in range(8):
        place = slice(row * size, (row + 1) * size)
        turned = mirrored[0, place].view(8, 6, 4).flip(0).reshape(-1, 4)
        assert torch.allclose(boxes[0, place], turned, atol=1e-3)
        assert torch.allclose(logits[0, place], other_logits[0, place].view(8, 6, 2).flip(0).reshape(-1, 2), atol=1e-4)


def test_circles_become_the_squares_around_them() -> None:
    assert boxes_of_circles([(10.0, 20.0, 3.0)]).tolist() == [[7.0, 17.0, 13.0, 23.0]]
    assert boxes_of_circles([]).shape == (0, 4)
