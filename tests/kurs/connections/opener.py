"""Connections to a real process, and what comes over them."""

import re
import socket
from pathlib import Path

from devstack.ports import LOOPBACK
from devstack.processes import ManagedProcess

SECONDS = 60


class Opener:
    """Opens connections to the service that end with the test."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.opened: list[socket.socket] = []

    def __call__(self, source: str = LOOPBACK) -> socket.socket:
        connection = socket.create_connection(
            (LOOPBACK, self._port), timeout=SECONDS, source_address=(source, 0)
        )
        self.opened.append(connection)
        return connection

    def close(self) -> None:
        for connection in self.opened:
            connection.close()

    def converse(self, *pieces: bytes) -> bytes:
        """Send bytes on a new connection, and return all that comes until it ends."""
        connection = self()
        for piece in pieces:
            connection.sendall(piece)
        return until_end(connection)


def until_end(connection: socket.socket) -> bytes:
    """Return all that comes until the other side ends the connection."""
    received = b""
    try:
        while piece := connection.recv(65_536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def request(line: str, *fields: str, host: str = "Host: test") -> bytes:
    """Return the head of a request."""
    return "\r\n".join((f"{line} HTTP/1.1", host, *fields, "", "")).encode()


def is_problem(answer: bytes, status: int, code: str) -> bool:
    """Whether the last answer is this problem, and ends the connection."""
    head, _, body = answer.rpartition(b"HTTP/1.1 ")[2].partition(b"\r\n\r\n")
    return (
        head.startswith(b"%d " % status)
        and b"content-type: application/problem+json" in head
        and head.lower().count(b"connection: close") == 1
        and f'"code": "{code}"'.encode() in body
    )


def memory(process: ManagedProcess) -> int:
    """Return the most that the process has held so far, in KiB."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", text)
    assert found
    return int(found[1])


def status(connection: socket.socket) -> int:
    """Return the status of the next answer, 0 when none comes."""
    text = b""
    while b"\r\n\r\n" not in text:
        piece = connection.recv(65_536)
        if not piece:
            return 0
        text += piece
    return int(text.split()[1])
