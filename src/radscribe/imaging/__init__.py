"""From a file on disk to a `Radiograph`; independent of text, models and studies."""
