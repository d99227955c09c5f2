"""An origin over real HTTP that a test can slow down, or make send a model wrongly.

``python -m tests.edge.http_origin PORT`` is one as a process, to be killed.
"""

import hashlib
import json
import queue
import signal
import sys
import threading
import time
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class HttpOrigin:
    """Answers ``/v1/recommend`` with a list that names the question, and ``/v1/models/current`` with ``model``.

    Takes events, and says on ``/received`` what came; pushes to ``/v1/live`` what the test puts into ``pushed``.
    """

    def __init__(self, port: int = 0) -> None:
        self.delay_s = 0.0
        self.asked = 0
        self.model = b""
        self.models_sent = 0
        self.announce = True
        """Whether a model comes with its length."""
        self.breaks_off = False
        """Whether the connection ends in the middle of a model."""
        self.received: list[dict[str, Any]] = []
        """Batches of events and questions to ``/v1/live``: path, headers with lower-case names, body."""
        self.refuses = 0
        """So many batches are answered with 503."""
        self.profiles: dict[str, bytes] = {}
        """Blobs by visitor."""
        self.pushed: queue.Queue[str] = queue.Queue()
        handler = type("Handler", (_Handler,), {"origin": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    origin: HttpOrigin
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(self.origin.delay_s)
        if self.path.startswith("/v1/recommend"):
            self.origin.asked += 1
            answer = {"items": [{"id": self.path}], "slot": "home", "model": "m", "variant": None}
            self._send(200, json.dumps(answer).encode(), {"doorstep-layer": "origin"})
        elif self.path == "/v1/models/current" and self.origin.model:
            self._model()
        elif self.path.startswith("/v1/live"):
            self._push()
        elif self.path.endswith("/blob") and (blob := self.origin.profiles.get(self.path.split("/")[3])):
            self._send(200, b64encode(blob), {"content-type": "text/plain"})
        elif self.path in ("/healthz", "/received"):
            self._send(200, json.dumps(self.origin.received).encode(), {})
        else:
            self._send(404, b"", {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        time.sleep(self.origin.delay_s)
        if self.origin.refuses:
            self.origin.refuses -= 1
            self._send(503, b"{}", {})
            return
        self._note(body)
        outcome = {"accepted": len(body.get("events", ())), "duplicates": 0, "rejected": []}
        self._send(202, json.dumps(outcome).encode(), {})

    def do_DELETE(self) -> None:
        forget = "doorstep_visitor=; Path=/; Max-Age=0"
        self._send(202, b"{}", {"set-cookie": forget, "Set-Cookie": "doorstep_history=; Path=/; Max-Age=0"})

    def _push(self) -> None:
        self._note(None)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        while line := self.origin.pushed.get(timeout=30):
            self.wfile.write(f"data: {line}\n\n".encode())
        self.close_connection = True

    def _note(self, body: Any) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.origin.received.append({"path": self.path, "headers": headers, "body": body})

    def _model(self) -> None:
        self.origin.models_sent += 1
        etag = f'"{hashlib.sha256(self.origin.model).hexdigest()}"'
        if self.origin.breaks_off:
            self._send(200, self.origin.model, {"etag": etag}, len(self.origin.model) // 2)
            self.close_connection = True
        elif self.origin.announce:
            self._send(200, self.origin.model, {"etag": etag})
        else:
            self.send_response(200)
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(self.origin.model)
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


if __name__ == "__main__":
    running = HttpOrigin(int(sys.argv[1]))
    signal.sigwait([signal.SIGTERM])
    running.stop()
