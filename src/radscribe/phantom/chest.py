"""A painted chest, frontal or lateral, as findings are drawn into it."""

from __future__ import annotations

from dataclasses import dataclass

from radscribe.phantom.frame import Floats, Frame
from radscribe.phantom.layers import Layers
from radscribe.phantom.patient import Patient, Sign

SIDES: tuple[Sign, Sign] = (-1, 1)


@dataclass(slots=True)
class Chest:
    """The layers, and the masks (0..1, `[H, W]`) that findings are placed by.

    Parameters
    ----------
    lungs : dict of Sign to Floats
        Each lung field, by side: frontally with what of it lies behind the heart; from the side the two lie
        over each other.
    heart : numpy.ndarray
        The cardiac silhouette.
    """

    patient: Patient
    frame: Frame
    layers: Layers
    lungs: dict[Sign, Floats]
    heart: Floats
