"""Findings: what captions assert, and how well probabilities predict them."""
