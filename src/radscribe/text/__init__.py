"""Reports: sections, normalisation, tokenizers and the findings labeller; knows nothing of images."""
