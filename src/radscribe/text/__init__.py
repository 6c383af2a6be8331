"""Report text: sections, sentences, normalisation, tokenizers and the findings labeller."""
