"""Application state without Qt: open studies, one state per image, edits, jobs in flight, settings."""
