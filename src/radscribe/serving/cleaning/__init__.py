"""An uploaded file without what could identify its patient, made in a process with limits."""

from radscribe.serving.cleaning.clean import CleanImage, clean
from radscribe.serving.cleaning.sandbox import Sandbox

__all__ = ["CleanImage", "Sandbox", "clean"]
