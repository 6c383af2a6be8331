"""Captions that need no model."""
