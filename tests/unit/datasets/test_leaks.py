import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError, TrainingError
from mammoviewer.datasets.leaks import image_leak_report, leak_report, sides_of, stop_leak

GENERATOR = np.random.default_rng(5)


def _films(count: int) -> list[np.ndarray]:
    """Return pictures alike in outline and different within, uint8 (256, 256)."""
    row, column = np.mgrid[0:256, 0:256]
    breast = ((row - 128) / 110) ** 2 + (column / 150) ** 2 < 1
    grain = GENERATOR.normal(0, 40, (count, 32, 32)).repeat(8, axis=1).repeat(8, axis=2)
    return [np.where(breast, np.clip(120 + texture, 0, 255), 0).astype(np.uint8) for texture in grain]


def test_a_patient_on_two_sides_is_found() -> None:
    report = leak_report(["train", "test", "train", "test"], ["a", "b", "c", "a"], list("wxyz"))
    assert report.patients == ("a",)
    assert not report.clean
    assert not report.pictures_compared


def test_the_same_patch_on_two_sides_is_found_and_on_one_is_none() -> None:
    patches = GENERATOR.integers(0, 255, (4, 20, 20)).astype(np.uint8)
    patches[2] = patches[0][::-1]
    apart = leak_report(["train", "train", "test", "test"], list("abcd"), list("wxyz"), pictures=patches)
    assert apart.duplicates == (("w", "y"),)
    assert leak_report(["train", "test", "train", "test"], list("abcd"), list("wxyz"), pictures=patches).clean


def test_whole_images_are_compared_by_what_lies_within_them() -> None:
    films = _films(4)
    copy = (films[1][::2, ::2] * 0.6 + 20).astype(np.uint8)[:, ::-1]
    report = image_leak_report(["train"] * 4 + ["test"], list("abcde"), list("vwxyz"), [*films, copy])
    assert report.duplicates == (("w", "z"),)
    assert image_leak_report(["train", "test"] * 2, list("abcd"), list("wxyz"), films).clean


def test_a_leak_stops_the_run_unless_overridden_and_is_then_marked() -> None:
    leaking = leak_report(["train", "test"], ["a", "a"], ["x", "y"])
    with pytest.raises(TrainingError, match="1 patients stand on two sides"):
        stop_leak(leaking)
    marked = stop_leak(leaking, override=True)
    assert marked.to_json() == {
        "clean": False,
        "overridden": True,
        "items": 2,
        "pictures_compared": False,
        "patients": ["a"],
        "duplicates": [],
    }
    clean = leak_report(["train", "test"], ["a", "b"], ["x", "y"])
    assert stop_leak(clean, override=True) is clean


def test_parts_that_differ_in_number_are_refused() -> None:
    with pytest.raises(ArgumentError, match="differ in number"):
        leak_report(["train"], ["a", "b"], ["x", "y"])


def test_sides_are_those_of_the_split() -> None:
    assert sides_of({"train": ["a"], "test": ["b"]}, ["b", "a", "c"]) == ("test", "train", "")


def test_no_two_real_films_are_called_the_same(shared_data) -> None:  # type: ignore[no-untyped-def]
    cv2 = pytest.importorskip("cv2")
    paths = sorted((shared_data / "mini_mias").glob("*.png"))[:60]
    films = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths]
    films.append(cv2.resize(films[7], (700, 700))[:, ::-1])
    names = [path.stem for path in paths] + ["copy"]
    report = image_leak_report(["train"] * 60 + ["test"], names, names, films)
    assert report.duplicates == ((names[7], "copy"),)
