"""Studies: the manifest, one module a dataset source, splits and the leak check."""
