"""Scores beside their baselines: metrics, clinical scores, intervals and the report page."""
