from pathlib import Path

import numpy as np
import pytest

from mammoviewer.base.errors import InputError
from mammoviewer.datasets.patch_file import read_patch_file, write_patch_file
from mammoviewer.datasets.patch_set import PatchSet

h5py = pytest.importorskip("h5py", reason="h5py is not installed")


def _patches(count: int = 5) -> PatchSet:
    images = np.random.default_rng(0).random((count, 12, 16)).astype(np.float32)
    names = tuple(f"finding {i}" for i in range(count))
    return PatchSet(images, tuple(i % 2 for i in range(count)), ("patient-1",) * count, names, ("Mässe", "Normal"))


@pytest.mark.parametrize("count", [0, 5])
def test_patches_come_back(tmp_path: Path, count: int) -> None:
    patches = _patches(count)
    write_patch_file(tmp_path / "p.h5", patches, pixel_size_mm=0.1)
    found = read_patch_file(tmp_path / "p.h5")
    np.testing.assert_array_equal(found.images, patches.images)
    assert (found.labels, found.groups, found.names, found.classes) == (
        patches.labels, patches.groups, patches.names, patches.classes,
    )  # fmt: skip


def test_chunks_are_patches_with_checksums(tmp_path: Path) -> None:
    write_patch_file(tmp_path / "p.h5", _patches())
    with h5py.File(tmp_path / "p.h5") as file:
        assert file["images"].chunks == (1, 12, 16)
        assert file["images"].fletcher32
        assert file["images"].compression == "gzip"


def test_changed_values_are_noticed(tmp_path: Path) -> None:
    write_patch_file(tmp_path / "p.h5", _patches())
    with h5py.File(tmp_path / "p.h5", "r+") as file:
        file["labels"][2] = 1
    with pytest.raises(InputError, match="labels are not"):
        read_patch_file(tmp_path / "p.h5")
    (tmp_path / "q.h5").write_bytes(b"no HDF5")
    with pytest.raises(InputError, match="cannot be read"):
        read_patch_file(tmp_path / "q.h5")
