"""Dialogs: only where a choice is needed, or on request."""
