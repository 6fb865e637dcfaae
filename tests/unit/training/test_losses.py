from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mammoviewer.training.losses import CrossEntropy, Focal, MultiLabel, inverse_frequencies  # noqa: E402

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, -3.0]])
LABELS = torch.tensor([0, 2])


def test_cross_entropy_is_the_log_of_the_probability() -> None:
    expected = -torch.log_softmax(LOGITS, 1)[[0, 1], LABELS]
    assert torch.allclose(CrossEntropy()(LOGITS, LABELS), expected.mean())
    weights = torch.tensor([1.0, 5.0, 3.0])
    assert torch.allclose(CrossEntropy(class_weights=weights)(LOGITS, LABELS), (expected * weights[LABELS]).mean())


def test_one_column_is_a_sigmoid() -> None:
    logits = torch.tensor([[1.0], [-2.0]])
    expected = -torch.log(torch.sigmoid(torch.tensor([1.0, 2.0]))).mean()
    assert torch.allclose(CrossEntropy()(logits, torch.tensor([1, 0])), expected)


def test_focal_counts_what_is_known_little() -> None:
    probability = torch.softmax(LOGITS, 1)[[0, 1], LABELS]
    expected = ((1 - probability) ** 2 * -torch.log(probability)).mean()
    assert torch.allclose(Focal()(LOGITS, LABELS), expected)
    assert torch.allclose(Focal(gamma=0)(LOGITS, LABELS), CrossEntropy()(LOGITS, LABELS))


def test_focal_of_sigmoids() -> None:
    wanted = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    p = torch.where(wanted > 0, torch.sigmoid(LOGITS), 1 - torch.sigmoid(LOGITS))
    assert torch.allclose(Focal()(LOGITS, wanted), ((1 - p) ** 2 * -torch.log(p)).mean())
    assert torch.allclose(Focal(gamma=0)(LOGITS, wanted), MultiLabel()(LOGITS, wanted))
    one = LOGITS[:, :1]
    assert torch.allclose(Focal()(one, torch.tensor([1, 0])), Focal()(one, torch.tensor([[1.0], [0.0]])))


def test_ones_of_several_labels_count_more() -> None:
    weights = torch.tensor([4.0, 1.0, 1.0])
    wanted = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    more = MultiLabel(weights)(LOGITS, wanted) - MultiLabel()(LOGITS, wanted)
    assert torch.allclose(more, 3 * -torch.log(torch.sigmoid(LOGITS[0, 0])) / 6)


def test_rare_classes_weigh_more() -> None:
    assert inverse_frequencies([0, 0, 0, 1], 2).tolist() == pytest.approx([4 / 6, 2.0])
    assert inverse_frequencies([0, 0], 2).tolist() == pytest.approx([0.5, 0.0])
