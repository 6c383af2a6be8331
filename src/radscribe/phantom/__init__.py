"""Chest phantoms: drawn radiographs with known findings, for tests, demonstrations and evidence maps."""

from radscribe.phantom.draw import Phantom, PhantomStudy, PhantomView, draw, draw_study, save
from radscribe.phantom.findings import DRAWABLE, Finding, FindingSpec
from radscribe.phantom.pairs import PhantomPair, compare, draw_pair

__all__ = [
    "DRAWABLE",
    "Finding",
    "FindingSpec",
    "Phantom",
    "PhantomPair",
    "PhantomStudy",
    "PhantomView",
    "compare",
    "draw",
    "draw_pair",
    "draw_study",
    "save",
]
