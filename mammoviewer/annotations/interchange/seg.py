"""A heatmap as a DICOM Segmentation of type FRACTIONAL (PS3.3 A.51), which image archives show over the source.

The value 255 stands for probability 1; what is left out is 0. Only frames with heat are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import mammoviewer
from mammoviewer.annotations.interchange.seg_source import SegSource, read_source
from mammoviewer.base.arrays import FloatArray
from mammoviewer.base.errors import ExportError
from mammoviewer.base.paths import atomic_path
from mammoviewer.dicom.attributes import ImageAttributes, ImageKind
from mammoviewer.dicom.image import Image

LEVELS = 255
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_ROUNDING = 1e-3
_USE_TIFF = "export the heatmap as TIFF instead"


def write_heatmap_seg(
    path: Path,
    heatmap: FloatArray | Mapping[int, FloatArray],
    image: Image,
    *,
    model_name: str,
    class_name: str = "",
) -> None:
    """Write a heatmap of a mammogram or a tomosynthesis volume.

    Parameters
    ----------
    path
        The file to write.
    heatmap
        float (rows, columns) of the image in [0, 1], NaN where nothing is known; for volumes by 0-based frame.
        A mapping is asked for one frame at a time. Quantised to steps of 1/255.
    image
        The source; its header is read again from its file.
    model_name
        ``name.tag`` of the classifier.
    class_name
        The class whose probability it is.

    Raises
    ------
    ExportError
        If the source is no DICOM mammogram or volume, the heatmap does not fit it or is empty, or the file cannot be
        written.
    """
    attributes = image.attributes
    if attributes.kind in (ImageKind.RASTER, ImageKind.SECONDARY):
        reason = "a DICOM SEG needs a mammogram or tomosynthesis object as its source, and this image is none"
        raise ExportError(reason, hint=_USE_TIFF, path=attributes.path)
    if attributes.SOPClassUID.startswith(_SECONDARY_CAPTURE):
        hint = "`mammoviewer export --format bto` makes a tomosynthesis object of it, which takes one"
        raise ExportError("a DICOM SEG cannot refer to a volume in private elements", hint=hint, path=attributes.path)
    frames = _encoded(heatmap if isinstance(heatmap, Mapping) else {0: heatmap}, attributes)
    source = read_source(attributes, tuple(frames))
    segmentation = _segmentation(source, len(frames), attributes.shape, model_name, class_name)
    _fill(segmentation, frames)
    try:
        with atomic_path(path) as temporary:
            segmentation.save_as(temporary)
    except OSError as error:
        raise ExportError(f"cannot be written: {error.strerror}", path=path) from error


def _encoded(frames: Mapping[int, FloatArray], attributes: ImageAttributes) -> dict[int, bytes]:
    """Return the frames with heat, keyed by their place in the file and in its order, quantised and compressed.

    One is encoded at a time, as they are large.
    """
    import highdicom
    from pydicom.uid import RLELossless

    kept: dict[int, bytes] = {}
    for frame in sorted(frames):
        values = np.nan_to_num(np.asarray(frames[frame], dtype=np.float32), nan=0.0)
        if values.shape != attributes.shape or not 0 <= frame < attributes.frames:
            raise ExportError(f"the heatmap of frame {frame} does not fit the image", path=attributes.path)
        if values.min() < -_ROUNDING or values.max() > 1.0 + _ROUNDING:
            raise ExportError("the heatmap has values outside of 0 to 1", hint=_USE_TIFF, path=attributes.path)
        levels = np.rint(np.clip(values, 0.0, 1.0) * LEVELS).astype(np.uint8)
        if levels.any():
            kept[attributes.file_frame(frame)] = highdicom.frame.encode_frame(
                levels,
                transfer_syntax_uid=RLELossless,
                bits_allocated=8,
                bits_stored=8,
                photometric_interpretation="MONOCHROME2",
                pixel_representation=0,
            )
    if not kept:
        raise ExportError("the heatmap is empty: there is nothing to export", path=attributes.path)
    return dict(sorted(kept.items()))


def _segmentation(source: SegSource, count: int, shape: tuple[int, int], model_name: str, class_name: str) -> Any:
    """Return the object with every pixel set; highdicom would need the heat of all frames at once, several times."""
    import highdicom
    from pydicom.uid import RLELossless

    try:
        segmentation = highdicom.seg.Segmentation(
            source_images=[source.dataset],
            pixel_array=np.broadcast_to(np.True_, (count, *shape)),
            segmentation_type=highdicom.seg.SegmentationTypeValues.FRACTIONAL,
            fractional_type=highdicom.seg.SegmentationFractionalTypeValues.PROBABILITY,
            max_fractional_value=LEVELS,
            segment_descriptions=[_description(model_name, class_name)],
            series_instance_uid=highdicom.UID(),
            series_number=9000,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer="MammoViewer",
            manufacturer_model_name="MammoViewer",
            software_versions=mammoviewer.__version__,
            device_serial_number="0",
            content_label="HEATMAP",
            content_description="Classifier heatmap, not for diagnosis",
            series_description=f"Heatmap {model_name}"[:64],
            plane_positions=source.plane_positions,
            transfer_syntax_uid=RLELossless,
        )
    except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        # Whatever the header lacks comes out of highdicom as one of these.
        raise ExportError(f"the image's header does not allow a DICOM SEG: {error}", hint=_USE_TIFF) from error
    if source.patient_orientation:
        segmentation.PatientOrientation = list(source.patient_orientation)
    return segmentation


def _fill(segmentation: Any, frames: Mapping[int, bytes]) -> None:
    """Put the heat in; planes lie in the order of their places, and each names the 1-based frame it is made from."""
    from pydicom.encaps import encapsulate

    numbers = [
        int(group.DerivationImageSequence[0].SourceImageSequence[0].get("ReferencedFrameNumber", 1))
        for group in segmentation.PerFrameFunctionalGroupsSequence
    ]
    segmentation.PixelData = encapsulate([frames[number - 1] for number in numbers])


def _description(model_name: str, class_name: str) -> Any:
    import highdicom
    from pydicom.sr.codedict import codes

    name, _, tag = model_name.rpartition(".")
    return highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label=(class_name or "finding")[:64],
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=(name or model_name)[:64], version=(tag or "1")[:64], family=codes.DCM.ArtificialIntelligence
        ),
    )
