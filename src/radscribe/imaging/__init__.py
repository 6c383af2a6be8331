"""From a file on disk to a `Radiograph`; knows nothing of text, models or studies."""
