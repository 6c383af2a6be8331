"""Where a caption and its findings come from: maps over the cells of each image, and pictures of them."""

from radscribe.inference.evidence.image_evidence import ImageEvidence

__all__ = ["ImageEvidence"]
