"""How long a process waits for a client that says, or reads, nothing; and for how many of them."""

import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.kurs.connections.opener import (
    SECONDS,
    Opener,
    is_problem,
    memory,
    request,
    status,
    until_end,
)

from devstack.processes import ManagedProcess

Conversation = Callable[[Opener], bytes]


def drip(connection: socket.socket, pieces: bytes) -> None:
    """Send one byte after the other until the other side has ended the connection."""
    connection.settimeout(0.05)
    for number in range(len(pieces)):
        try:
            connection.sendall(pieces[number : number + 1])
            if connection.recv(1, socket.MSG_PEEK) is not None:
                break
        except TimeoutError:
            continue
        except OSError:
            break
    connection.settimeout(SECONDS)


def say(*pieces: bytes) -> Conversation:
    """Return a conversation that sends pieces, and waits for the end."""
    return lambda opener: opener.converse(*pieces)


def say_slowly(pieces: bytes, *, after: bytes = b"", answered: bool = False) -> Conversation:
    """Return a conversation that sends one byte after the other, once the others are sent.

    With `answered` they are a request whose answer is read before.
    """

    def converse(opener: Opener) -> bytes:
        connection = opener()
        connection.sendall(after)
        assert not answered or status(connection) == 200
        drip(connection, pieces)
        return until_end(connection)

    return converse


_HALVES = {"letter": b"G", "empty_line": b"\r\n", "field": b"GET / HTTP/1.1\r\nHost: test\r\nX: y"}


_BODIES = {
    (path, fields): say_slowly(b"1\r\nx\r\n" * 300, after=request(f"POST {path}", fields))
    for path in ("/echo", "/nowhere")
    for fields in ("Content-Length: 2000", "Transfer-Encoding: chunked")
}


_CONVERSATIONS: Mapping[object, Conversation] = {
    "nothing": say(),
    **{f"half_{name}": say(begin) for name, begin in _HALVES.items()},
    "head": say_slowly(request("GET /healthz", "X-Drip: " + "x" * 2_000)),
    "later_letters": say_slowly(b"G" * 2_000, after=request("GET /healthz"), answered=True),
    "later_lines": say_slowly(b"\r\n" * 2_000, after=request("GET /healthz"), answered=True),
    "half_behind": say(request("GET /healthz") + b"GET /heal"),
    **_BODIES,
    "body": say(request("POST /echo", "Content-Length: 1")),
    "idle": say(request("GET /healthz")),
    "long": say(request("GET /sleep?seconds=2.5", "Connection: close")),
}


Ends = Mapping[object, bytes]


@pytest.fixture(scope="module")
def ends(service: ManagedProcess) -> Ends:
    """Have all conversations that wait for a time to be over, all at once; return what came."""

    def had(converse: Conversation) -> bytes:
        opener = Opener(service.port)
        try:
            return converse(opener)
        finally:
            opener.close()

    with ThreadPoolExecutor(len(_CONVERSATIONS)) as threads:
        return dict(zip(_CONVERSATIONS, threads.map(had, _CONVERSATIONS.values()), strict=True))


def test_a_connection_must_bring_its_first_byte(ends: Ends) -> None:
    assert ends["nothing"] == b""


@pytest.mark.parametrize("name", _HALVES)
def test_half_a_head_is_not_waited_for(ends: Ends, name: str) -> None:
    assert is_problem(ends[f"half_{name}"], 408, "request_timeout")


def test_a_dripping_head_is_not_waited_for(ends: Ends) -> None:
    assert is_problem(ends["head"], 408, "request_timeout")


def test_a_later_head_is_not_waited_for_either(ends: Ends) -> None:
    assert "later_letters" in ends
    assert is_problem(ends["later_lines"], 408, "request_timeout")


def test_half_a_head_behind_a_request_is_not_waited_for(ends: Ends) -> None:
    answer = ends["half_behind"]
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert is_problem(answer, 408, "request_timeout")


@pytest.mark.parametrize("fields", ["Content-Length: 2000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("path", ["/echo", "/nowhere"])
def test_a_dripping_body_is_not_waited_for(ends: Ends, fields: str, path: str) -> None:
    answer = ends[path, fields]
    assert path != "/echo" or is_problem(answer, 408, "request_timeout")


def test_a_body_that_never_begins_is_not_waited_for(ends: Ends) -> None:
    assert is_problem(ends["body"], 408, "request_timeout")


def test_an_idle_connection_ends_with_the_setting(ends: Ends) -> None:
    """Without it the end would come after longer than a conversation waits."""
    assert ends["idle"].startswith(b"HTTP/1.1 200 ")
    assert ends["idle"].count(b"HTTP/1.1 ") == 1


def test_a_request_may_take_longer_than_its_head(ends: Ends) -> None:
    assert ends["long"].startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", ["/stream", "/large?kibibytes=20000"])
def test_a_client_that_does_not_read_is_not_waited_for(
    service: ManagedProcess, open_connection: Opener, path: str
) -> None:
    connection = open_connection()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    before = memory(service)
    connection.sendall(request(f"GET {path}"))
    deadline = time.monotonic() + SECONDS
    while connections_of(service.port) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not connections_of(service.port)
    assert path != "/stream" or memory(service) - before < 10_000


def connections_of(port: int) -> int:
    """Return how many connections the service holds; those of the asking one excluded."""
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    established, local = "01", f"0100007F:{port:04X}"
    return sum(1 for row in rows if row.split()[1] == local and row.split()[3] == established)


def test_connections_are_bounded_in_all_and_by_address(open_connection: Opener) -> None:
    for _ in range(20):
        connection = open_connection()
        connection.sendall(request("GET /healthz"))
        assert status(connection) == 200

    assert is_problem(until_end(open_connection()), 503, "too_many_connections")

    for _ in range(10):
        connection = open_connection("127.0.0.2")
        connection.sendall(request("GET /healthz"))
        assert status(connection) == 200
    assert is_problem(until_end(open_connection("127.0.0.3")), 503, "too_many_connections")

    open_connection.opened[0].close()
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        connection = open_connection()
        connection.sendall(request("GET /healthz"))
        if status(connection) == 200:
            return
    raise AssertionError("a place that became free is not given")
