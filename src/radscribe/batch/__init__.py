"""Batch captioning: shards of studies, each captioned into one Parquet file, by processes or on a cluster."""
