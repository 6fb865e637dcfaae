"""DICOM and picture files: attributes at once, frames when asked for, studies, orientation."""
