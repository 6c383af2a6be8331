"""An uploaded file without what could say whose it is: `clean`."""

from radscribe.serving.cleaning.clean import CleanImage, clean

__all__ = ["CleanImage", "clean"]
