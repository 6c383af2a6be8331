"""`/v1/model`: the model and the limits of a request."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

import radscribe
from radscribe.inference.caption import DISCLAIMER
from radscribe.inference.options import DEFAULTS
from radscribe.serving.routes import schemas
from radscribe.serving.routes.common import Json, Reader, Serving, problems
from radscribe.serving.settings import MAX_BEAM

CARD = "MODEL_CARD.md"
router = APIRouter(prefix="/v1/model", tags=["model"])


@router.get(
    "",
    summary="The model",
    responses={200: {"model": dict[str, Any], **schemas.example(schemas.EXAMPLE_MODEL)}, **problems()},
)
def model(service: Serving, reader: Reader) -> Response:
    """Returns the model card (Markdown), findings, cautions, training, the cost of int8 and the quality of
    the confidence as `bundle.json` has them (null if absent), and the defaults and limits of a request."""
    spec, limits = service.spec, service.settings.limits
    card = service.bundle_folder / CARD
    return Json(
        {
            "bundle": spec.id,
            "name": spec.name,
            "version": radscribe.__version__,
            "disclaimer": DISCLAIMER,
            "cautions": spec.cautions,
            "findings": spec.encoder.findings,
            "views": spec.encoder.views,
            "image_size": spec.encoder.image_size,
            "encoder": spec.encoder.backbone,
            "decoder": spec.decoder.kind,
            "training": spec.training,
            "quantisation": spec.quantisation,
            "confidence": spec.confidence,
            "card": card.read_text(encoding="utf-8") if card.is_file() else None,
            "defaults": {"beam": DEFAULTS.beam},
            "limits": {
                "files": limits.files,
                "file_bytes": limits.file_bytes,
                "request_bytes": limits.request_bytes,
                "pixels": limits.pixels,
                "beam": MAX_BEAM,
                "retain_days": service.settings.retain_days,
                "keep_identifiers": service.settings.keep_identifiers,
            },
        }
    )
