from dataclasses import replace

import numpy as np
import pytest
from helpers.heatmaps import make_heatmap
from helpers.images import breast_like, make_image

from mammoviewer.dicom.study import Study
from mammoviewer.inference.registry import ModelRegistry
from mammoviewer.jobs.thread_runner import ThreadRunner
from mammoviewer.session.heatmap_runs import HeatmapRuns
from mammoviewer.session.model_scores import largest_over_slices, score_facts, study_score

MODEL = "m.1"


@pytest.fixture
def runs(tmp_path):
    with ThreadRunner(1, "test") as runner:
        yield HeatmapRuns(runner, runner, ModelRegistry([tmp_path]))


def looked_at(runs, image, frame, values, **changes):
    heatmap = replace(make_heatmap(values, frame=frame), **changes)
    identity = image.attributes.identity
    runs._heatmaps[identity, frame, MODEL] = heatmap
    runs._scores[identity, frame, MODEL] = ("finding", {"finding": heatmap.maximum})


def test_breasts_have_the_largest_of_their_images_and_the_patient_that_of_the_breasts(runs):
    right, other, left = (make_image(label, uid=f"1.{n}") for n, label in enumerate(("RCC", "RMLO", "LCC")))
    study = Study("1", (right, other, left))
    assert study_score(runs, study, MODEL).breasts == ()
    looked_at(runs, right, 0, [[0.25, 0.5]])
    looked_at(runs, left, 0, [[0.125, 0.75]])
    found = study_score(runs, study, MODEL)
    assert [(one.laterality, one.score, one.images) for one in found.breasts] == [("R", 0.5, 1), ("L", 0.75, 1)]
    assert found.score == 0.75
    facts = dict(score_facts(runs, study, left, 0, MODEL))
    assert facts == {
        "finding": "0.75",
        "Right breast": "0.50  (max of 1 image)",
        "Left breast": "0.75  (max of 1 image)",
        "Patient": "0.75  (max of the breasts)",
    }


def test_a_volume_tells_its_largest_slice_and_the_mean_of_the_top_three(runs):
    volume = make_image("RCC", pixels=breast_like(frames=6), uid="1.2")
    study = Study("1", (volume,))
    assert score_facts(runs, study, volume, 0, MODEL) == []
    for frame, score in enumerate((0.125, 0.5, 0.75, 0.25)):
        looked_at(runs, volume, frame, [[score]])
    facts = dict(score_facts(runs, study, volume, 1, MODEL))
    assert facts["finding"] == "0.50"
    assert facts["Volume"] == "0.75  (mean of the top 3: 0.50; 4 slices)"
    assert "Patient" not in facts


def test_the_largest_over_the_slices_is_one_map(runs):
    volume = make_image("RCC", pixels=breast_like(frames=4), uid="1.2")
    assert largest_over_slices(runs, volume, 0, MODEL) is None
    looked_at(runs, volume, 0, [[0.1, np.nan, 0.3]])
    looked_at(runs, volume, 2, [[0.2, 0.4, 0.1]], complete=False)
    looked_at(runs, volume, 3, [[0.9, 0.9, 0.9]], origin=(0.0, 0.0))
    found = largest_over_slices(runs, volume, 2, MODEL)
    np.testing.assert_allclose(found.values, [[0.2, 0.4, 0.3]])
    assert (found.frame, found.complete, found.mode) == (2, False, "largest of 2 slices")
    assert largest_over_slices(runs, volume, 2, MODEL) is found, "the same while nothing has changed"
    looked_at(runs, volume, 0, [[0.8, np.nan, 0.3]])
    assert largest_over_slices(runs, volume, 2, MODEL).values[0, 0] == pytest.approx(0.8)
