"""Embeddings of regions and windows, kept as long as there is room for them."""

from __future__ import annotations

import json
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from mammoviewer.annotations.finding import Finding
from mammoviewer.datasets.regions import LabelledRegion, dihedral, patches_from_regions
from mammoviewer.dicom.image import Image
from mammoviewer.inference.embedding import WindowEmbeddings, embed_patches, windows_of
from mammoviewer.inference.manifest import ModelManifest
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.inference.preprocess import PreparedImage, check_suitable, prepare
from mammoviewer.session.draft import SEED, EmbeddedRegion
from mammoviewer.session.region_groups import stored_box
from mammoviewer.session.training_runs import model_box

PREPARED_KEPT = 3
WINDOWS_KEPT = 8
REGIONS_KEPT = 2000
CROPS = 2

_T = TypeVar("_T")


def stepped_size(manifest: ModelManifest, finest_mm: float | None) -> ModelManifest:
    """Return the manifest with its pixel size moved to the nearest half step of two above the finest.

    So one more region seldom changes the size at which everything was looked at.
    """
    size = manifest.input.pixel_size_mm
    if size is None or finest_mm is None:
        return manifest
    stepped = finest_mm * 2 ** (round(2 * math.log2(size / finest_mm)) / 2)
    return replace(manifest, input=replace(manifest.input, pixel_size_mm=stepped))


class EmbeddingShelf:
    """Makes embeddings where they are not there; the key holds all that they depend on.

    The key is image identity, frame, box, pixel size, model file and preprocessing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._prepared: OrderedDict[Any, PreparedImage] = OrderedDict()
        self._windows: OrderedDict[Any, WindowEmbeddings] = OrderedDict()
        self._regions: OrderedDict[Any, EmbeddedRegion] = OrderedDict()

    def region(self, finding: Finding, image: Image, model: OnnxModel, manifest: ModelManifest) -> EmbeddedRegion:
        """Return the embedding of a region, in eight turned and mirrored versions of each of its patches.

        Parameters
        ----------
        manifest
            That of the model, with the pixel size at which regions are looked at.

        Raises
        ------
        ModelRefused
            The model was not made for such an image.
        """
        box = tuple(round(edge, 2) for edge in stored_box(finding, image.attributes))
        key = (finding.image_uid, finding.frame, *way_of(model, manifest), box)

        def make() -> EmbeddedRegion:
            prepared = self.prepared(image, finding.frame, model, manifest)
            place = model_box(finding, image, prepared)
            one = LabelledRegion(prepared.values[0], place, "", finding.id, finding.id)
            patch = model.manifest.windows.patch
            patches = patches_from_regions([one], [""], patch=patch, crops=CROPS, seed=SEED).images
            versions = dihedral(patches.astype(np.float32)).reshape(-1, *patch)
            return EmbeddedRegion("", versions[0], embed_patches(model, versions))

        return replace(self._kept(self._regions, key, make, REGIONS_KEPT), label=finding.label)

    def windows(self, image: Image, frame: int, model: OnnxModel, manifest: ModelManifest) -> WindowEmbeddings:
        """Return the windows of a frame with what is known of them."""
        key = (image.attributes.identity, frame, *way_of(model, manifest))

        def make() -> WindowEmbeddings:
            return windows_of(self.prepared(image, frame, model, manifest), model)

        return self._kept(self._windows, key, make, WINDOWS_KEPT)

    def prepared(self, image: Image, frame: int, model: OnnxModel, manifest: ModelManifest) -> PreparedImage:
        """Return a frame as the model sees it."""
        key = (image.attributes.identity, frame, *way_of(model, manifest))

        def make() -> PreparedImage:
            check_suitable(image.attributes, manifest)
            return prepare(image.frame(frame), image.attributes, manifest, frame=frame)

        return self._kept(self._prepared, key, make, PREPARED_KEPT)

    def forget(self, identity: str) -> None:
        """Drop what was found on an image, whose pixels have changed."""
        shelf: OrderedDict[Any, Any]
        with self._lock:
            for shelf in (self._prepared, self._windows, self._regions):
                for key in [key for key in shelf if key[0] == identity]:
                    del shelf[key]

    def _kept(self, shelf: OrderedDict[Any, _T], key: Any, make: Callable[[], _T], room: int) -> _T:
        with self._lock:
            if key in shelf:
                shelf.move_to_end(key)
                return shelf[key]
        made = make()
        with self._lock:
            shelf[key] = made
            while len(shelf) > room:
                shelf.popitem(last=False)
        return made


def way_of(model: OnnxModel, manifest: ModelManifest) -> tuple[str, float | None, str]:
    """Return what an embedding depends on beside the place: the model's file, the pixel size and the preparation."""
    steps = json.dumps([dict(step) for step in manifest.preprocessing], sort_keys=True)
    return model.manifest.files[model.role].sha256, manifest.input.pixel_size_mm, steps
