"""MammoViewer: read mammograms and breast tomosynthesis, and teach the reader's assistant. Research use only."""

__version__ = "0.1.0"
