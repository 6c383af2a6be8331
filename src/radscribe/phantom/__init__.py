"""Chest phantoms: drawn radiographs with known findings, for tests, demonstrations and evidence maps."""

from radscribe.phantom.draw import Phantom, PhantomStudy, PhantomView, draw, draw_study, save
from radscribe.phantom.findings import DRAWABLE, Finding, FindingSpec

__all__ = [
    "DRAWABLE",
    "Finding",
    "FindingSpec",
    "Phantom",
    "PhantomStudy",
    "PhantomView",
    "draw",
    "draw_study",
    "save",
]
