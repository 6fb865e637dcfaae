from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.edits import AddFinding, CompositeEdit, RemoveFinding, ReplaceFinding
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import AnnotationError

IDS = st.sampled_from([f"f{i}" for i in range(6)])


@st.composite
def findings(draw):
    corner = draw(st.integers(0, 50))
    roi = Roi(RoiKind.RECTANGLE, ((corner, corner), (corner + 5, corner + 7)))
    return Finding(draw(IDS), "1.2", draw(st.integers(0, 3)), roi, draw(st.sampled_from(["a", "b"])))


simple_edits = st.one_of(
    st.builds(AddFinding, findings(), st.none() | st.integers(0, 6)),
    st.builds(RemoveFinding, IDS),
    st.builds(ReplaceFinding, findings()),
)
edits = st.recursive(simple_edits, lambda inner: st.builds(CompositeEdit, st.lists(inner, max_size=4).map(tuple)))


@settings(max_examples=200, deadline=None)
@given(st.lists(findings(), max_size=6, unique_by=lambda f: f.id), st.lists(edits, min_size=1, max_size=5))
def test_an_edit_and_its_inverse_leave_everything_as_it_was_and_a_refused_one_too(start, chosen):
    annotations = AnnotationSet(start)
    recorded = {f.id: f for f in start}

    def record(saved, deleted, step):
        recorded.update({f.id: f for f in saved})
        for finding_id in deleted:
            del recorded[finding_id]

    annotations.record_with(record)
    states, inverses = [annotations.findings], []
    for edit in chosen:
        try:
            inverses.append(edit.apply(annotations))
        except AnnotationError:
            assert annotations.findings == states[-1]
        else:
            states.append(annotations.findings)
        assert recorded == {f.id: f for f in annotations.findings}
    redo = []
    for inverse, after, before in zip(inverses[::-1], states[:0:-1], states[-2::-1], strict=True):
        assert annotations.findings == after
        redo.append(inverse.apply(annotations))
        assert annotations.findings == before
    for edit, after in zip(redo[::-1], states[1:], strict=True):
        edit.apply(annotations)
        assert annotations.findings == after


def test_a_removed_finding_comes_back_to_its_place():
    roi = Roi(RoiKind.POINT, ((1, 1),))
    start = [Finding(name, "1.2", 0, roi, "") for name in "abc"]
    annotations = AnnotationSet(start)
    RemoveFinding("b").apply(annotations).apply(annotations)
    assert [f.id for f in annotations.findings] == ["a", "b", "c"]


def test_titles_and_merge_keys_travel_to_the_inverse():
    roi = Roi(RoiKind.POINT, ((1, 1),))
    finding = Finding("a", "1.2", 0, roi, "")
    annotations = AnnotationSet([finding])
    inverse = ReplaceFinding(replace(finding, label="x"), title="Move", merge_key="drag 1").apply(annotations)
    assert (inverse.title, inverse.merge_key) == ("Move", "drag 1")


@pytest.mark.parametrize(
    "edit",
    [RemoveFinding("missing"), ReplaceFinding(Finding("missing", "1.2", 0, Roi(RoiKind.POINT, ((1, 1),)), ""))],
)
def test_an_edit_of_what_is_gone_is_refused(edit):
    with pytest.raises(AnnotationError, match="not there"):
        edit.apply(AnnotationSet())
