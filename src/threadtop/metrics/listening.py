"""The HTTP server that is scraped: GET of two pages, on an address that the user named; nothing is read for it."""

from __future__ import annotations

import ipaddress
import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from threadtop import __version__
from threadtop.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from threadtop.metrics.exposition import Answer

HOST, PORT = "127.0.0.1", 9878
MOST_PORT: Final = 65535
LEAST_OPEN_PORT: Final = 1024  # below it only root and CAP_NET_BIND_SERVICE may listen (ip(7))
TIMEOUT_S: Final = 10.0  # that a client is given to ask, and to take the answer
MOST_CLIENTS: Final = 16  # at a time: each has a thread
METRICS: Final = "/metrics"
_PAGE: Final = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>threadtop</title></head>
<body><h1>threadtop {__version__}</h1><p><a href="{METRICS}">{METRICS}</a>: groups of threads of this machine, as
OpenMetrics. A scrape is given the newest pass, and starts none.</p></body></html>
""".encode()


class Address(NamedTuple):
    """Where to listen: a numeric address, version 4 or 6, and a port (0: any that is free)."""

    host: str
    port: int

    def __str__(self) -> str:
        """As it stands in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address(value: str) -> Address:
    """``127.0.0.1:9878``, ``[::1]:9878``, ``localhost:9878`` or a port; raises UsageError for anything else."""
    host, colon, port = value.rpartition(":")
    host = host if colon else HOST
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    host = HOST if host == "localhost" else host
    try:
        host = str(ipaddress.ip_address(host))
    except ValueError:
        message = f"--listen wants ADDRESS:PORT with a numeric address, not {value[:80]!r}"
        raise UsageError(message, f"try --listen {HOST}:{PORT}, or 0.0.0.0:{PORT} for all networks") from None
    if not (port.isascii() and port.isdigit() and len(port) <= len(str(MOST_PORT)) and int(port) <= MOST_PORT):
        message = f"--listen wants a port from 0 to {MOST_PORT}, not {port[:20]!r}"
        raise UsageError(message, f"try --listen {HOST}:{PORT}")
    return Address(host, int(port))


class Server(ThreadingMixIn, TCPServer):
    """Listens on an address and answers in a thread for each client."""

    daemon_threads = True
    allow_reuse_address = True  # after a restart, connections of the one before still linger

    def __init__(self, where: Address, answer: Callable[[str], Answer]) -> None:
        """Listen at ``where``; ``answer`` makes what is served, for an Accept header.  Raises UsageError."""
        self.address_family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
        self.answer = answer
        self._free = threading.BoundedSemaphore(MOST_CLIENTS)
        try:
            super().__init__((where.host, where.port), _Handler)
        except OSError as error:
            raise _refused(where, error) from error
        self.where = Address(where.host, self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 as the base's
        """Answer in a thread of its own; one client too many is closed."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be started
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 as the base's
        """One client, in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 as the base's
        """A client that goes in the middle of an answer is no news; anything else is told on standard error."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def _refused(where: Address, error: OSError) -> UsageError:
    message = f"cannot listen on {where}: {(error.strerror or str(error)).lower()}"
    if isinstance(error, PermissionError):
        return UsageError(message, f"use a port from {LEAST_OPEN_PORT} on: --listen {Address(where.host, PORT)}")
    if "in use" in message:
        return UsageError(message, "end what listens there (ss -ltnp), or choose another port with --listen")
    return UsageError(message, "name an address of this machine (ip address), or 127.0.0.1")


class _Handler(BaseHTTPRequestHandler):
    """One client."""

    server: Server
    timeout = TIMEOUT_S
    server_version = f"threadtop/{__version__}"
    sys_version = ""

    def do_GET(self) -> None:
        """``/metrics`` and ``/``."""
        path = self.path.partition("?")[0]
        if path == METRICS:
            body, content_type = self.server.answer(self.headers.get("Accept") or "")
            self._send(HTTPStatus.OK, body, content_type)
        elif path == "/":
            self._send(HTTPStatus.OK, _PAGE, "text/html; charset=utf-8")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET  # noqa: N815 the base's name

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """An error in one line; a method that is not GET is told what is."""
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._send(status, f"{status.value} {status.phrase}\n".encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base's name
        """Scrapes are not told."""
