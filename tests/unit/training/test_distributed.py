"""Two processes that train together give what one gives."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.torch

PROGRAM = """
import json, sys
import torch
from helpers.networks import SmallNetwork
from mammoviewer.training.checkpoint import Checkpoint
from mammoviewer.training.distributed import joined_group
from mammoviewer.training.loop import Labelled, Schedule, fit
from mammoviewer.training.recipe_lesion_ssd import shared_loss
from mammoviewer.training.recipe_run import RecipeRun
from mammoviewer.training.spec import TrainingSpec
from mammoviewer.training.step_training import StepPlan, share_of, train_steps
from pathlib import Path

# three default boxes of four measures, by one reader
class Boxes(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 18)

    def raw(self, measures):
        found = self.linear(measures).view(-1, 3, 6)
        return [(found[..., :2], found[..., 2:])]

folder, epochs = Path(sys.argv[1]), int(sys.argv[2])
with joined_group() as group:
    generator = torch.Generator().manual_seed(5)
    labels = torch.arange(20) % 2
    pictures = torch.rand(20, 3, 8, 8, generator=generator) * 0.5 + 0.3 * labels[:, None, None, None]
    torch.manual_seed(0)
    network, seen = SmallNetwork(2), []

    def on_epoch(epoch):
        seen.append([epoch.number, epoch.loss, epoch.validation_loss])
        # the processes would part if each listened to itself
        return epoch.number < epochs if group.is_first else True

    fit(
        network, Labelled(pictures, labels), validation=Labelled(pictures[:9], labels[:9]), augmentation=None, seed=4,
        schedule=Schedule(6, batch=5, frozen=("trunk",), unfreeze_at=2), on_epoch=on_epoch,
        sample_weights=1.0 + labels, checkpoint=Checkpoint(folder / "fit.pt"),
    )
    weights = float(sum(value.double().abs().sum() for value in network.state_dict().values()))
    # the others begin with other weights, until they are given those of the first
    torch.manual_seed(group.rank)
    linear = torch.nn.Linear(4, 1)
    spec = TrainingSpec(kind="recipe", data=folder, output=folder / "out", name="model", recipe="cnni-bcc")
    run = RecipeRun(spec, {"alpha": 1.0, "negatives": 1.0}, lambda event: None, folder / "steps")

    def loss(epoch, generator):
        inputs = torch.from_numpy(generator.normal(size=(7, 4)).astype("float32"))
        (mine,) = share_of(inputs)
        return (linear(mine) - mine.sum(dim=1, keepdim=True)).square().mean(), len(mine)

    def validate():
        return {"validation_loss": float(linear.bias.detach().sum())}

    rows = train_steps(linear, loss, StepPlan(2, 3, 0.05), run, validate)
    torch.manual_seed(3)
    boxes, classes, offsets = Boxes(), torch.zeros(7, 3, dtype=torch.int64), torch.ones(7, 3, 4)
    # all lesions in the share of one process
    classes[0, 1] = classes[2, :2] = classes[4, 2] = 1

    def lost(epoch, generator):
        measures = torch.from_numpy(generator.normal(size=(7, 4)).astype("float32"))
        return shared_loss(run, boxes, measures, classes, offsets)

    found = train_steps(boxes, lost, StepPlan(2, 3, 0.05, name="boxes"), run)
    (folder / f"seen{group.rank}.json").write_text(json.dumps([seen, weights, rows, found]))
"""


def run_two(folder: Path, program: Path) -> list[Any]:
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [*start, str(program), str(folder), "4"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads((folder / f"seen{rank}.json").read_text(encoding="utf-8")) for rank in range(2)]


@pytest.mark.skipif(sys.platform == "win32", reason="torchrun and Gloo")
def test_two_processes_give_the_losses_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["program.py", str(tmp_path), "4"])
    runpy.run_path(str(program))
    expected, weight, rows, lost = json.loads((tmp_path / "seen0.json").read_text(encoding="utf-8"))
    (tmp_path / "fit.pt").unlink()
    shutil.rmtree(tmp_path / "steps")
    first, second = run_two(tmp_path, program)
    assert [entry[0] for entry in expected] == [1, 2, 3, 4]
    assert first == second
    for (_, loss, held_out), (_, wanted, wanted_held_out) in zip(first[0], expected, strict=True):
        assert loss == pytest.approx(wanted, abs=1e-5)
        assert held_out == pytest.approx(wanted_held_out, abs=1e-5)
    assert first[1] == pytest.approx(weight, abs=1e-3)
    for found, wanted in zip(first[2], rows, strict=True):
        assert found == pytest.approx(wanted, abs=1e-5), "seven pictures: four for one process, three for the other"
    for found, wanted in zip(first[3], lost, strict=True):
        assert found == pytest.approx(wanted, abs=1e-5), "lesions of a detector, all in the share of one process"
    assert (tmp_path / "fit.pt").is_file()
