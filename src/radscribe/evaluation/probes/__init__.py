"""Counterfactual tests: pairs of drawn radiographs that differ in exactly one thing."""
