"""Panels and bars around the images, one control per file."""
