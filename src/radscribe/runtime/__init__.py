"""The runtime that graphs run on: onnxruntime sessions and the cores they may use."""
