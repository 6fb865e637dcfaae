from mammoviewer.inference.detections import Detection
from mammoviewer.session.mark_groups import MarkGroups


def mark(frame, score):
    return Detection(20.0, 20.0, frame, score, (10.0, 10.0, 30.0, 30.0))


def test_marks_of_a_volume_are_grouped_once_until_they_change():
    groups = MarkGroups()
    slices = [(), (mark(1, 0.5),), (mark(2, 0.9),), ()]
    found = groups.of("volume", slices)
    assert [(one.frame, one.slices) for one in found] == [(2, (1, 2))]
    assert groups.of("volume", list(slices)) is found
    changed = groups.of("volume", [*slices[:3], (mark(3, 0.4),)])
    assert [one.slices for one in changed] == [(1, 3)]


def test_only_so_many_volumes_are_kept():
    groups = MarkGroups()
    slices = [(mark(0, 0.5),)]
    first = groups.of(0, slices)
    for number in range(1, 70):
        groups.of(number, slices)
    assert groups.of(0, slices) is not first
    assert len(groups._kept) == 64
