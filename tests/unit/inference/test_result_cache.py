import dataclasses
import os
import zipfile

import numpy as np
import pytest
from helpers.images import breast_like, make_image
from helpers.model_makers import brightest_bundle

from mammoviewer.imaging.voi import VoiLut, Window
from mammoviewer.inference.result_cache import Entry, ResultCache, result_key

KEY = "0" * 40


@pytest.fixture
def cache(tmp_path):
    return ResultCache(tmp_path / "results")


def entry(size=10, **facts):
    return Entry({"scores": np.arange(size, dtype=np.float32)}, facts)


def test_what_is_kept_comes_back_as_it_was(cache):
    scores = np.array([[0.1, np.nan], [0.5, 1.0]], dtype=np.float32)
    mask = np.array([True, False, True])
    cache.store(KEY, Entry({"scores": scores, "mask": mask}, {"complete": False, "origin": [0.5, 7.25]}))
    found = ResultCache(cache.folder).load(KEY)
    np.testing.assert_array_equal(found.arrays["scores"], scores)
    assert found.arrays["scores"].dtype == np.float32
    np.testing.assert_array_equal(found.arrays["mask"], mask)
    assert found.facts == {"complete": False, "origin": [0.5, 7.25]}
    assert cache.load("1" * 40) is None


def test_a_later_entry_replaces_the_earlier(cache):
    cache.store(KEY, entry(complete=False))
    cache.store(KEY, entry(complete=True))
    assert cache.load(KEY).facts == {"complete": True}
    assert len(list(cache.folder.iterdir())) == 1


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "other", "pickle", "empty"])
def test_what_cannot_be_read_is_removed_and_counts_as_absent(cache, damage):
    cache.store(KEY, entry(5000))
    path = cache.folder / f"{KEY}.npz"
    data = path.read_bytes()
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        path.write_bytes(data[:400] + bytes([data[400] ^ 0xFF]) + data[401:])
    elif damage == "text":
        path.write_text("not an archive")
    elif damage == "other":
        cache.store("1" * 40, entry())
        (cache.folder / f"{'1' * 40}.npz").replace(path)
    elif damage == "pickle":
        np.savez(path, heading=np.array([{"form": 1}], dtype=object))
    else:
        path.write_bytes(b"")
    assert cache.load(KEY) is None
    assert not path.exists()
    cache.store(KEY, entry())
    assert cache.load(KEY) is not None


def test_the_folder_stays_below_its_size_and_keeps_what_was_used_last(cache):
    noise = np.random.default_rng(0).integers(0, 256, 20_000).astype(np.uint8)
    keys = [str(number) * 40 for number in range(6)]
    for number, key in enumerate(keys[:4]):
        cache.store(key, Entry({"noise": noise}))
        os.utime(cache.folder / f"{key}.npz", (1000 + number, 1000 + number))
    cache.load(keys[0])
    cache.limit_bytes = 3 * 20_500
    cache.store(keys[4], Entry({"noise": noise}))
    assert cache.size_bytes <= cache.limit_bytes
    assert cache.load(keys[0]) is not None
    assert cache.load(keys[4]) is not None
    assert cache.load(keys[1]) is None


def test_a_cache_of_no_size_keeps_and_finds_nothing(cache, tmp_path):
    cache.store(KEY, entry())
    off = ResultCache(cache.folder, limit_bytes=0)
    assert off.load(KEY) is None
    nothing = ResultCache(tmp_path / "other", limit_bytes=0)
    nothing.store(KEY, entry())
    assert not nothing.folder.exists()


def test_clearing_leaves_other_files(cache):
    cache.store(KEY, entry())
    (cache.folder / "notes.txt").write_text("mine")
    cache.clear()
    assert cache.size_bytes == 0
    assert [path.name for path in cache.folder.iterdir()] == ["notes.txt"]
    ResultCache(cache.folder / "absent").clear()


def test_a_folder_that_cannot_be_written_costs_the_entry_alone(tmp_path):
    (tmp_path / "file").write_text("")
    cache = ResultCache(tmp_path / "file" / "results")
    cache.store(KEY, entry())
    assert cache.load(KEY) is None


def test_the_users_cache_is_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    assert ResultCache().folder == tmp_path / "cache" / "results"


@pytest.fixture
def manifest(tmp_path):
    return brightest_bundle(tmp_path / "spots")


def key_of(manifest, image, *, frame=0, way=None, **options):
    return result_key(
        image.frame(frame), image.attributes, manifest, frame=frame, way=way or {"mode": "patches"}, **options
    )


def test_the_key_follows_all_that_the_result_depends_on(manifest, tmp_path):
    pixels = breast_like()
    image = make_image(pixels=pixels, uid="1.2")
    other_pixels = pixels.copy()
    other_pixels[80, 100] += 1
    inputs = dataclasses.replace(manifest.input, pixel_size_mm=0.2)
    table = VoiLut(np.arange(4096, dtype=np.uint16), 0, 12)
    variants = {
        "same": key_of(manifest, image),
        "pixels": key_of(manifest, make_image(pixels=other_pixels)),
        "window": key_of(manifest, make_image(pixels=pixels, vois=(Window(1000.0, 500.0),))),
        "table": key_of(manifest, make_image(pixels=pixels, vois=(table,))),
        "no window": key_of(manifest, make_image(pixels=pixels, vois=())),
        "inverse": key_of(manifest, make_image(pixels=pixels, inverse=True)),
        "stride": key_of(manifest, image, way={"mode": "patches", "stride": 4}),
        "stated size": key_of(manifest, image, pixel_size_mm=0.3),
        "model": key_of(brightest_bundle(tmp_path / "wide", patch=(32, 32)), image),
        "target": key_of(dataclasses.replace(manifest, input=inputs), image),
        "frame": key_of(manifest, make_image(pixels=np.stack([pixels, pixels])), frame=1),
        "steps": key_of(dataclasses.replace(manifest, preprocessing=manifest.preprocessing[:-1]), image),
    }
    assert len(set(variants.values())) == len(variants)
    changed = table.data.copy()
    changed[7] += 1
    other_table = make_image(pixels=pixels, vois=(VoiLut(changed, 0, 12),))
    assert key_of(manifest, other_table) != variants["table"]


def test_the_key_does_not_know_whose_image_it_is(manifest):
    pixels = breast_like()
    first = make_image(pixels=pixels, uid="1.2", PatientID="A", PatientName="One")
    second = make_image("LCC", pixels=pixels, uid="1.3", PatientID="B", PatientName="Other")
    assert key_of(manifest, first) == key_of(manifest, second)


def test_an_entry_holds_no_word_of_the_patient(cache, manifest):
    image = make_image(PatientID="ID4711", PatientName="DOE^JANE", uid="1.2.840.4711")
    key = key_of(manifest, image)
    cache.store(key, entry())
    (path,) = cache.folder.iterdir()
    with zipfile.ZipFile(path) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    for word in (b"4711", b"DOE"):
        assert word not in content
        assert word.decode() not in path.name or word == b"4711"
