"""uvicorn with an end that loses nothing: SIGTERM takes no more studies, finishes those accepted, stops."""

from __future__ import annotations

import logging
import threading
from types import FrameType

import uvicorn
from fastapi import FastAPI

from radscribe.serving.service import Service
from radscribe.serving.settings import Settings

log = logging.getLogger("uvicorn.error")
CLOSING_SECONDS = 5  # for answers that are being sent when all studies are done


class Server(uvicorn.Server):
    """While it drains, it still answers: /readyz says 503, and who waits for a caption gets it."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._service.draining:  # a second signal stops at once
            self.should_exit = self.force_exit = True
            return
        self._service.draining = True
        threading.Thread(target=self._drain, name="drain", daemon=True).start()

    def _drain(self) -> None:
        log.info("finishing what was accepted")
        if not self._service.drain():
            log.warning("not all studies are done; the next start takes them up")
        self.should_exit = True


def run(app: FastAPI, settings: Settings) -> None:
    """Serve until a signal."""
    config = uvicorn.Config(
        app,
        host=settings.host.strip("[]"),
        port=settings.port,
        log_level="info",
        access_log=False,  # addresses may hold what somebody searched for
        server_header=False,
        timeout_graceful_shutdown=CLOSING_SECONDS,
        ws="none",
    )
    Server(config, app.state.service).run()
