"""nginx in front of several processes of the service, on loopback, in a temporary folder."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.serving.running import free_port

CONFIGURATION = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
worker_processes 1;
{user}
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_max_body_size 256m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream radscribe {{
    least_conn;
{servers}
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://radscribe;
      proxy_connect_timeout 2s;
      proxy_read_timeout 90s;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
"""


class Nginx:
    """A proxy that tries the next process where one refuses a connection; `with` stops it."""

    def __init__(self, ports: list[int]) -> None:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise FileNotFoundError("nginx is not installed; run .ci/packages")
        self.ports, self.port = ports, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._folder = Path(tempfile.mkdtemp(prefix="radscribe-nginx-"))
        servers = "\n".join(f"    server 127.0.0.1:{port} max_fails=1 fail_timeout=1s;" for port in ports)
        user = "user root;" if Path("/proc/self").owner() == "root" else ""
        text = CONFIGURATION.format(folder=self._folder, servers=servers, port=self.port, user=user)
        (self._folder / "nginx.conf").write_text(text)
        log = (self._folder / "error.log").open("ab")
        self._process = subprocess.Popen(
            [program, "-p", str(self._folder), "-c", str(self._folder / "nginx.conf")], stderr=log
        )
        log.close()
        for _ in range(200):
            with socket.socket() as trying:
                if not trying.connect_ex(("127.0.0.1", self.port)):
                    return
            time.sleep(0.05)
        raise RuntimeError(f"nginx did not start: {(self._folder / 'error.log').read_text()}")

    def errors(self) -> dict[str, int]:
        """Count what its log says of upstream processes, by message."""
        lines = (self._folder / "error.log").read_text().splitlines()
        return dict(
            Counter(re.sub(r".*\*\d+ |, client:.*", "", line) for line in lines if "upstream" in line)
        )

    def __enter__(self) -> Nginx:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self._folder)
