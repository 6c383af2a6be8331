"""`radscribe bench`: ratios of speed and memory. The sides of each comparison run in turn."""
