"""Captioning with onnxruntime and numpy alone: sessions, search and the `Captioner`."""
