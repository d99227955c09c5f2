"""HTTP as uvicorn speaks it, with two differences: a flood of headers is cut off, and errors are problem documents."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.errors import PROBLEM_TYPE, BadInput, problem

MAX_HEAD_BYTES = 64 * 1024
"""Of a request's target and headers together."""


class ProblemProtocol(HttpToolsProtocol):
    """Pass to uvicorn as ``http=``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._in_head = False

    def data_received(self, data: bytes) -> None:
        """Besides parsing, cut off a head that does not end: the parser itself would gather it without bound."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.send_400_response("")

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        self._in_head = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + len(": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            raise OverflowError  # httptools turns it into the parser error that leads to send_400_response

    def send_400_response(self, msg: str) -> None:
        """Answer with a problem document and close."""
        if self._head_bytes > MAX_HEAD_BYTES:
            error = BadInput("headers_too_large", f"target and headers have at most {MAX_HEAD_BYTES} bytes", 431)
            status = b"431 Request Header Fields Too Large"
        else:
            error = BadInput("bad_http", "this is not an HTTP/1.1 request")
            status = b"400 Bad Request"
        body = problem(error).encode()
        head = b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, PROBLEM_TYPE.encode(), len(body)) + body)
        self.transport.close()
