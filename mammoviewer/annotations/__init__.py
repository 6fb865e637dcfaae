"""Findings: regions with what is said about them, their undoable edits and their store."""
