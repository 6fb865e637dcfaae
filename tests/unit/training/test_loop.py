"""The loop on tiny networks: what it is asked for happens, and an interrupted fit ends like one that was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from helpers.networks import SmallDetector, SmallNetwork  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from mammoviewer.base.errors import TrainingError  # noqa: E402
from mammoviewer.training.checkpoint import Checkpoint  # noqa: E402
from mammoviewer.training.epoch_event import epoch_event  # noqa: E402
from mammoviewer.training.loop import Epoch, Labelled, Schedule, fit  # noqa: E402
from mammoviewer.training.losses import CrossEntropy, MultiLabel  # noqa: E402
from mammoviewer.training.schedules import OPTIMISERS, POLICIES  # noqa: E402


class WithNorm(SmallNetwork):
    """Has dropout and batch norm, whose states are easily forgotten."""

    def __init__(self) -> None:
        super().__init__(2, 1)
        self.trunk = nn.Sequential(nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Dropout(0.3))


def make_data(count: int = 22, classes: int = 2, channels: int = 1) -> Labelled:
    generator = torch.Generator().manual_seed(5)
    labels = torch.arange(count) % classes
    pictures = torch.rand(count, channels, 8, 8, generator=generator) * 0.5
    return Labelled(pictures + 0.3 * labels[:, None, None, None], labels)


def noise(pictures: Tensor, generator: torch.Generator) -> Tensor:
    return pictures + 0.05 * torch.randn(pictures.shape, generator=generator)


def run(
    schedule: Schedule, *, network: nn.Module | None = None, stop_at: int = 0, seed: int = 4, **options: Any
) -> tuple[nn.Module, list[Epoch]]:
    torch.manual_seed(0)
    network = network or WithNorm()
    seen: list[Epoch] = []

    def on_epoch(epoch: Epoch) -> bool:
        seen.append(epoch)
        if epoch.number == stop_at and not epoch.replayed:
            raise KeyboardInterrupt
        return True

    values = {"data": make_data(), "validation": make_data(10), "augmentation": noise, **options}
    fit(network, schedule=schedule, seed=seed, on_epoch=on_epoch, **values)  # type: ignore[arg-type]
    return network, seen


def weights(network: nn.Module) -> list[Tensor]:
    return list(network.state_dict().values())


def equal(first: nn.Module, second: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


def test_the_weights_that_count_may_be_a_running_mean() -> None:
    shares = (0.0, 0.75)
    plain, fading = (run(Schedule(1, batch=5, policy="constant", average=share)) for share in shares)
    (last,), (judged,) = plain[1], fading[1]
    assert last.loss == judged.loss, "what is learnt does not change"
    assert last.validation_loss != judged.validation_loss
    first, second = (run(Schedule(count, batch=22, policy="constant"))[0] for count in (1, 2))
    mean, _ = run(Schedule(2, batch=22, policy="constant", average=0.75))
    for result, *steps in zip(mean.parameters(), first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(result, 0.75 * steps[0] + 0.25 * steps[1])


@pytest.mark.parametrize("average", [0.0, 0.8])
@pytest.mark.parametrize("policy", POLICIES)
def test_an_interrupted_fit_ends_like_one_that_was_not(tmp_path: Path, policy: str, average: float) -> None:
    schedule = Schedule(5, batch=5, policy=policy, patience=0, keep_best=True, clip=1.0, average=average)
    whole, expected = run(schedule)
    checkpoint = Checkpoint(tmp_path / "fit.pt")
    for stop in (2, 4):
        with pytest.raises(KeyboardInterrupt):
            run(schedule, stop_at=stop, checkpoint=checkpoint)
    resumed, seen = run(schedule, checkpoint=checkpoint)
    # the epoch that was being told of when the run broke off was not kept, and was run again
    assert [(epoch.number, epoch.replayed) for epoch in seen] == [
        (1, True),
        (2, True),
        (3, True),
        (4, False),
        (5, False),
    ]
    assert equal(resumed, whole)
    for first, second in zip(seen, expected, strict=True):
        assert (first.loss, first.validation_loss, first.learning_rate) == (
            second.loss,
            second.validation_loss,
            second.learning_rate,
        )
        assert np.array_equal(first.probabilities, second.probabilities)
    again, replayed = run(schedule, checkpoint=checkpoint)
    assert equal(again, whole)
    assert all(epoch.replayed for epoch in replayed)


def test_the_same_seed_gives_the_same_and_another_another() -> None:
    schedule = Schedule(2, batch=5)
    assert equal(run(schedule)[0], run(schedule)[0])
    assert not equal(run(schedule)[0], run(schedule, seed=5)[0])


def test_a_checkpoint_is_never_half_written_and_never_runs_code(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "fit.pt")
    checkpoint.save({"epoch": 1})
    with pytest.raises(AttributeError):
        checkpoint.save({"epoch": lambda: None})
    assert checkpoint.load() == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["fit.pt"]
    torch.save({"path": Path("x")}, checkpoint.path)
    with pytest.raises(TrainingError, match="cannot be read"):
        checkpoint.load()
    checkpoint.path.write_bytes(b"PK half")
    with pytest.raises(TrainingError, match="cannot be read"):
        checkpoint.load()


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "fit.pt")
    run(Schedule(1), checkpoint=checkpoint)
    with pytest.raises(TrainingError, match="another network"):
        run(Schedule(2), network=SmallNetwork(3, 1), checkpoint=checkpoint)


def test_held_out_pictures_are_never_augmented() -> None:
    touched: list[int] = []

    class HeldOut(Labelled):
        def batch(self, indices: Tensor) -> Tensor:
            return super().batch(indices) + 100.0

    def spoil(pictures: Tensor, generator: torch.Generator) -> Tensor:
        assert float(pictures.max()) < 50.0
        touched.append(len(pictures))
        return pictures

    held_out = make_data(10)
    run(Schedule(2, batch=11), augmentation=spoil, validation=HeldOut(held_out.pictures, held_out.labels))
    assert touched == [11, 11, 11, 11]


def test_frozen_parts_stay_as_they_are_until_they_are_let_go() -> None:
    torch.manual_seed(0)
    before = WithNorm().state_dict()
    frozen, _ = run(Schedule(2, batch=5, frozen=("trunk",)))
    assert all(torch.equal(value, frozen.state_dict()[name]) for name, value in before.items() if "trunk" in name)
    assert not torch.equal(before["linear.weight"], frozen.state_dict()["linear.weight"])
    released, _ = run(Schedule(3, batch=5, frozen=("trunk",), unfreeze_at=3))
    assert not torch.equal(before["trunk.0.weight"], released.state_dict()["trunk.0.weight"])
    with pytest.raises(TrainingError, match="no part 'stem'"):
        run(Schedule(1, frozen=("stem",)))
    with pytest.raises(TrainingError, match="frozen"):
        run(Schedule(1, frozen=("trunk", "head")))


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_every_optimiser_learns(optimiser: str) -> None:
    _, seen = run(Schedule(12, batch=11, optimiser=optimiser, policy="constant", learning_rate=0.05, smoothing=0.0))
    assert seen[-1].loss < 0.7 * seen[0].loss


def test_the_plateau_lowers_the_rate_and_the_fit_stops_early() -> None:
    schedule = Schedule(
        30, batch=11, policy="plateau", patience=1, learning_rate=1e-8, least_rate=1e-10, stop_after=5, stop_delta=0.01
    )
    _, seen = run(schedule)
    assert len(seen) == 6
    assert schedule.factor == 0.1
    schedule = Schedule(8, batch=11, policy="plateau", patience=0, learning_rate=0.5, least_rate=0.005)
    _, seen = run(schedule, data=make_data(22, 2), validation=Labelled(make_data().pictures, 1 - make_data().labels))
    rates = [epoch.learning_rate for epoch in seen]
    assert rates[0] == 0.5
    assert min(rates) == pytest.approx(0.005)


def test_the_best_epoch_is_kept() -> None:
    data = make_data()
    flipped = Labelled(data.pictures, 1 - data.labels)
    schedule = Schedule(6, batch=11, policy="constant", learning_rate=0.05, keep_best=True)
    network, seen = run(schedule, validation=flipped, augmentation=None)
    losses = [epoch.validation_loss for epoch in seen]
    assert min(losses) == losses[0] < losses[-1]
    with torch.no_grad():
        held_out = float(CrossEntropy()(network(data.pictures)[0], flipped.labels))
    assert held_out == pytest.approx(losses[0], abs=1e-6)


def test_classes_are_weighted_once() -> None:
    loss = CrossEntropy(class_weights=torch.tensor([1.0, 2.0]))
    with pytest.raises(TrainingError, match="together"):
        run(Schedule(1), loss=loss, sample_weights=torch.ones(22))


def test_weighted_drawing_shows_what_it_is_told_to() -> None:
    seen: list[Tensor] = []

    class Watched(Labelled):
        def batch(self, indices: Tensor) -> Tensor:
            seen.append(self.labels[indices])
            return super().batch(indices)

    data = make_data()
    run(Schedule(1, batch=11), data=Watched(data.pictures, data.labels), sample_weights=data.labels.float())
    assert bool((torch.cat(seen) == 1).all())


def test_a_loss_that_is_no_number_ends_the_fit() -> None:
    data = make_data()
    with pytest.raises(TrainingError, match="no number"):
        run(Schedule(2), data=Labelled(data.pictures * float("nan"), data.labels))


def test_several_labels_may_hold_together() -> None:
    data = make_data(12, channels=3)
    labels = torch.stack([data.labels, 1 - data.labels, torch.ones(12)], dim=1).float()
    both = Labelled(data.pictures, labels)
    _, seen = run(Schedule(2, batch=6), network=SmallNetwork(3), data=both, validation=both, loss=MultiLabel())
    assert seen[-1].probabilities is not None
    assert seen[-1].probabilities.shape == (12, 3)
    event = epoch_event(seen[-1], 2, labels, fraction=1.0)
    assert event["confusion"] is None
    assert 0 <= event["auc"] <= 1


def test_a_detector_is_trained_by_a_loss_of_its_own() -> None:
    def boxes_at_one(outputs: tuple[Tensor, Tensor], labels: Tensor) -> Tensor:
        logits, boxes = outputs
        return ((boxes - 1) ** 2).mean() + logits.square().mean() + 0 * labels.sum()

    data = make_data(8, channels=3)
    _, seen = run(
        Schedule(8, batch=4, policy="constant", learning_rate=0.05),
        network=SmallDetector(),
        data=data,
        validation=data,
        loss=boxes_at_one,
    )
    assert seen[-1].validation_loss < 0.5 * seen[0].validation_loss
    assert seen[-1].probabilities is None


def test_an_epoch_is_told_with_its_confusion() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    event = epoch_event(Epoch(1, 0.5, 0.1, 2.0, 0.6, probabilities), 3, torch.tensor([0, 1, 1]), fold=2)
    assert event["confusion"] == [[1, 0], [1, 1]]
    assert (event["auc"], event["fold"], event["epochs"]) == (1.0, 2, 3)
    assert epoch_event(Epoch(1, 0.5, 0.1, 2.0), 3, None)["confusion"] is None
