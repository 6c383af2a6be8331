"""Layers in the path of the beam, per pixel: depths of tissue, aerated lung, vessels and bone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radscribe.phantom.frame import Floats

# Linear attenuation in 1/cm at about 70 keV; bone stands for the mixture of cortex and marrow.
TISSUE = np.float32(0.20)
LUNG = np.float32(0.055)
BONE = np.float32(0.48)


@dataclass(slots=True)
class Layers:
    """Depths in cm, each float32 `[H, W]`; the rest is air.

    Parameters
    ----------
    tissue : numpy.ndarray
        Muscle, fat, blood and fluid outside the lungs' vessels.
    lung : numpy.ndarray
        Aerated lung.
    vessels : numpy.ndarray
        Blood in the lungs' vessels.
    bone : numpy.ndarray
        Bone beyond the tissue in whose place it stands.
    """

    tissue: Floats
    lung: Floats
    vessels: Floats
    bone: Floats

    def fill(self, share: Floats) -> None:
        """A share (0..1) of the lung's depth becomes tissue or fluid; vessels drown in it."""
        filled = self.lung * np.clip(share, 0, 1)
        self.lung = self.lung - filled
        self.tissue = self.tissue + filled
        self.vessels = self.vessels * (1 - np.clip(share, 0, 1))

    def empty(self, share: Floats) -> None:
        """A share (0..1) of the lung gives way to air."""
        left = 1 - np.clip(share, 0, 1)
        self.lung = self.lung * left
        self.vessels = self.vessels * left

    def insert(self, depth_cm: Floats) -> None:
        """A solid body of this depth displaces lung."""
        self.lung = np.maximum(self.lung - depth_cm, 0)
        self.tissue = self.tissue + depth_cm

    def attenuation(self) -> Floats:
        """The exponent of Beer and Lambert's law, `[H, W]`."""
        line: Floats = TISSUE * (self.tissue + self.vessels) + LUNG * self.lung + BONE * self.bone
        return np.maximum(line, 0)
