"""Foundations without third-party imports beyond numpy: errors, array aliases, paths, notices, progress, logging."""
