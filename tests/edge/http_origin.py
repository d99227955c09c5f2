"""An origin over real HTTP that a test can slow down, or make send a model wrongly."""

import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class HttpOrigin:
    """Answers ``/v1/recommend`` with a list that names the question, and ``/v1/models/current`` with ``model``."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.asked = 0
        self.model = b""
        self.models_sent = 0
        self.announce = True
        """Whether a model comes with its length."""
        self.breaks_off = False
        """Whether the connection ends in the middle of a model."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                time.sleep(origin.delay_s)
                if self.path.startswith("/v1/recommend"):
                    origin.asked += 1
                    answer = {"items": [{"id": self.path}], "slot": "home", "model": "m", "variant": None}
                    self._send(200, json.dumps(answer).encode(), {"doorstep-layer": "origin"})
                elif self.path == "/v1/models/current" and origin.model:
                    self._model()
                else:
                    self._send(404, b"", {})

            def _model(self) -> None:
                origin.models_sent += 1
                etag = f'"{hashlib.sha256(origin.model).hexdigest()}"'
                if origin.breaks_off:
                    self._send(200, origin.model, {"etag": etag}, len(origin.model) // 2)
                    self.close_connection = True
                elif origin.announce:
                    self._send(200, origin.model, {"etag": etag})
                else:
                    self.send_response(200)
                    self.send_header("connection", "close")
                    self.end_headers()
                    self.wfile.write(origin.model)
                    self.close_connection = True

            def _send(self, status: int, body: bytes, headers: dict[str, str], sent: int | None = None) -> None:
                self.send_response(status)
                for name, value in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:sent])

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
