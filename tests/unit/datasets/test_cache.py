import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from mammoviewer.base.errors import ArgumentError, ExportError, InputError
from mammoviewer.datasets.cache import CacheReader, CacheWriter, cache_key, cached

h5py = pytest.importorskip("h5py", reason="h5py is not installed")


def filled(count: int = 20, shape: tuple[int, ...] = (1, 8, 8)):  # type: ignore[no-untyped-def]
    def make(writer: CacheWriter) -> None:
        for number in range(count):
            writer.append(np.full(shape, number, np.float32), number % 3, f"p{number // 2}", f"n{number}")

    return make


def test_items_come_back_in_order_and_within_the_budget(tmp_path: Path) -> None:
    with cached(tmp_path, "k", filled(), budget_bytes=4 * 8 * 8 * 4 * 4 // 3) as reader:
        assert (len(reader), reader.shape, reader.batch_size) == (20, (1, 8, 8), 4)
        batches = list(reader.batches())
        assert [len(batch.indices) for batch in batches] == [4] * 5
        assert [float(picture[0, 0, 0]) for batch in batches for picture in batch.pictures] == list(range(20))
        assert (batches[1].labels.tolist(), batches[1].groups[0], batches[1].names[3]) == ([1, 2, 0, 1], "p2", "n7")
        reader.verify()


def test_a_part_and_any_order(tmp_path: Path) -> None:
    with cached(tmp_path, "k", filled()) as reader:
        part = next(reader.batches(indices=[7, 3, 5]))
        assert part.indices.tolist() == [3, 5, 7]
        shuffled = [list(reader.batches(6, seed=seed)) for seed in (1, 1, 2)]
        orders = [[index for batch in run for index in batch.indices.tolist()] for run in shuffled]
        assert orders[0] == orders[1] != orders[2]
        assert sorted(orders[0]) == list(range(20))
        for batch in shuffled[0]:
            assert batch.pictures[:, 0, 0, 0].tolist() == batch.indices.tolist()


def test_it_is_made_once_and_again_when_damaged(tmp_path: Path) -> None:
    made = []

    def make(writer: CacheWriter) -> None:
        made.append(1)
        filled()(writer)

    for _ in range(2):
        cached(tmp_path, "k", make).__exit__(None, None, None)
    assert len(made) == 1
    (tmp_path / "k.h5").write_bytes(b"half a file")
    with cached(tmp_path, "k", make) as reader:
        assert (len(reader), len(made)) == (20, 2)


def test_a_run_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    def broken(writer: CacheWriter) -> None:
        filled()(writer)
        raise InputError("no more")

    with pytest.raises(InputError, match="no more"):
        cached(tmp_path, "k", broken)
    assert list(tmp_path.iterdir()) == []


def test_changed_pictures_are_noticed(tmp_path: Path) -> None:
    cached(tmp_path, "k", filled()).__exit__(None, None, None)
    with h5py.File(tmp_path / "k.h5", "r+") as file:
        file["pictures"][3] += 1
    with CacheReader(tmp_path / "k.h5") as reader, pytest.raises(InputError, match="checksum"):
        reader.verify()


def test_files_with_another_key_or_none_are_refused(tmp_path: Path) -> None:
    cached(tmp_path, "k", filled()).__exit__(None, None, None)
    with pytest.raises(InputError, match="other data"):
        CacheReader(tmp_path / "k.h5", key="other")
    with h5py.File(tmp_path / "e.h5", "w"):
        pass
    with pytest.raises(InputError, match="no whole cache"):
        CacheReader(tmp_path / "e.h5")
    (tmp_path / "file").touch()
    with pytest.raises(ExportError):
        cached(tmp_path / "file", "k", filled())


def test_pictures_of_different_shapes_and_none_at_all(tmp_path: Path) -> None:
    def mixed(writer: CacheWriter) -> None:
        writer.append(np.zeros((4, 4), np.float32), 0, "p", "a")
        writer.append(np.zeros((4, 5), np.float32), 0, "p", "b")

    with pytest.raises(ArgumentError, match="b: pictures of a cache have one shape"):
        cached(tmp_path, "k", mixed)
    with pytest.raises(ArgumentError, match="nothing to keep"):
        cached(tmp_path, "k", lambda _writer: None)


def test_keys_tell_data_and_preparation() -> None:
    steps = ({"op": "scale", "divide_by": 255},)
    key = cache_key("data", steps=steps, patch=(60, 60))
    assert key == cache_key("data", patch=(60, 60), steps=steps)
    assert (
        len({key, cache_key("other", steps=steps, patch=(60, 60)), cache_key("data", steps=steps, patch=(64, 60))}) == 3
    )


def test_reading_and_writing_stay_within_the_memory_of_a_few_chunks(tmp_path: Path) -> None:
    # 256 pictures of 256 KiB are 64 MiB; chunks have 1 MiB and the budget is 4 MiB.
    tracemalloc.start()
    with cached(tmp_path, "k", filled(256, (256, 256)), budget_bytes=4 << 20) as reader:
        total = sum(float(batch.pictures.sum()) for batch in reader.batches(seed=1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 256 * 255 / 2 * 256 * 256
    assert peak < 16 << 20
