"""Findings: what captions assert, and how well probabilities tell them."""
