"""Bundles: trained models on disk, found, read and verified without torch."""
