from __future__ import annotations

import numpy as np
import pytest

from mammoviewer.base.errors import Cancelled
from mammoviewer.inference.manifest import load_manifest
from mammoviewer.session.draft import EmbeddedRegion, assess_draft, make_draft, settled
from mammoviewer.session.draft_strength import DraftStrength
from mammoviewer.training.linear_fit import DEFAULT_STRENGTH

WORDS = ("Normal", "Mass")


def drafted(count=24, classes=WORDS, **more):
    """Return a draft on regions whose classes differ in a few of thirty features."""
    generator = np.random.default_rng(4)
    regions = []
    for number in range(count):
        features = generator.normal(size=(8, 30)).astype(np.float32)
        features[:, :3] += 2 * (number % 2)
        regions.append(EmbeddedRegion(classes[number % 2], generator.random((16, 16), dtype=np.float32), features))
    groups = [f"P{number // 2}" for number in range(count)]
    return make_draft(regions, groups, classes, classes[1], unit="patient", patients=count // 2, **more)


def test_a_draft_is_one_fit_with_the_strength_given_and_settles_on_a_better_one():
    first = drafted(strength=1e-9)
    assert first.strength == 1e-9
    better = settled(first, lambda: None)
    assert better.strength > first.strength
    assert np.abs(better.fit.weights).max() > np.abs(first.fit.weights).max()
    assert settled(better, lambda: None) is better


@pytest.mark.parametrize("work", [settled, lambda draft, hold: assess_draft(draft, from_own_model=False, hold=hold)])
def test_the_many_fits_can_be_stopped_between_two_of_them(work):
    calls = []

    def stop() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        work(drafted(), stop)
    assert len(calls) == 3


def test_the_strength_is_kept_until_there_are_a_quarter_more_regions_or_other_classes(base):
    kept = DraftStrength()
    assert kept.value == DEFAULT_STRENGTH
    assert not kept.holds(drafted(), base)
    kept.keep(drafted(strength=0.3), base)
    assert kept.value == 0.3
    assert kept.holds(drafted(26), base)
    assert not kept.holds(drafted(30), base)
    assert not kept.holds(drafted(18), base)
    assert not kept.holds(drafted(classes=("Normal", "Calcification")), base)


@pytest.fixture
def base():
    from mammoviewer.base.paths import bundled_models_dir

    return load_manifest(bundled_models_dir() / "microcalc-dense")
