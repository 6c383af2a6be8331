"""Captioning with only onnxruntime and numpy: sessions, search and the `Captioner`."""
