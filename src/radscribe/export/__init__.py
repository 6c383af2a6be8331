"""From a finished run to a bundle: ONNX graphs, int8, confidence and the model card."""
