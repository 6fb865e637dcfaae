from __future__ import annotations

import numpy as np
from helpers.model_makers import linear_bundle

from mammoviewer.imaging.band_measures import band_measures
from mammoviewer.inference.embedding import embed_patches, pooled
from mammoviewer.inference.onnx_session import OnnxModel, as_batch


def test_a_patch_is_known_by_what_the_trunk_sees_and_by_its_bands_of_detail(tmp_path):
    model = OnnxModel(linear_bundle(tmp_path / "lines"))
    patches = np.random.default_rng(1).random((11, *model.manifest.windows.patch), dtype=np.float32)
    seen = pooled(model.run(as_batch(patches[:, np.newaxis], model.manifest.channels))[1])
    found = embed_patches(model, patches)
    np.testing.assert_allclose(found[:, : seen.shape[1]], seen, rtol=1e-5)
    np.testing.assert_array_equal(found[:, seen.shape[1] :], band_measures(patches))
