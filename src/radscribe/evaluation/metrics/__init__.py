"""Metrics of captions beside reference texts."""
