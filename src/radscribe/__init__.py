"""radscribe captions chest radiographs. Research output: not verified, not for diagnosis."""

__version__ = "0.1.0"
