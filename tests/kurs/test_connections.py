"""What a client can do to a process by its connections alone: real sockets, a real process."""

import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devstack.ports import LOOPBACK, free_ports
from devstack.processes import ManagedProcess, stop_all
from devstack.readiness import wait_ready

_SECONDS = 60
_SERVICE = Path(__file__).with_name("served.py")
_BOUNDS = {
    "KURS_HEAD_SECONDS": "1.5",
    "KURS_BODY_SECONDS": "1.5",
    "KURS_ANSWER_SECONDS": "1.5",
    "KURS_KEEP_ALIVE_SECONDS": "2",
    "KURS_DRAIN_SECONDS": "0",
    "KURS_MAX_CONNECTIONS": "30",
    "KURS_MAX_CONNECTIONS_PER_ADDRESS": "20",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedProcess]:
    folder, port = tmp_path_factory.mktemp("served"), free_ports(1)[0]
    process = ManagedProcess(
        "served",
        [sys.executable, str(_SERVICE)],
        environment={**os.environ, "KURS_PORT": str(port), **_BOUNDS},
        folder=folder,
        log=folder / "log",
        port=port,
    )
    process.start()
    try:
        wait_ready([process], _SECONDS)
        yield process
        assert "Traceback" not in (folder / "log").read_text()
    finally:
        stop_all([process])


@pytest.fixture
def open_connection(service: ManagedProcess) -> Iterator["Opener"]:
    opener = Opener(service.port)
    yield opener
    opener.close()


class Opener:
    """Opens connections to the service that end with the test."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.opened: list[socket.socket] = []

    def __call__(self, source: str = LOOPBACK) -> socket.socket:
        connection = socket.create_connection(
            (LOOPBACK, self._port), timeout=_SECONDS, source_address=(source, 0)
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


Conversation = Callable[[Opener], bytes]


def until_end(connection: socket.socket) -> bytes:
    received = b""
    try:
        while piece := connection.recv(65_536):
            received += piece
    except ConnectionResetError:
        pass
    return received


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
    connection.settimeout(_SECONDS)


def request(line: str, *fields: str, host: str = "Host: test") -> bytes:
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
    text = b""
    while b"\r\n\r\n" not in text:
        piece = connection.recv(65_536)
        if not piece:
            return 0
        text += piece
    return int(text.split()[1])


# Sizes.


def test_a_header_without_end_is_refused_and_not_kept(
    service: ManagedProcess, open_connection: Opener
) -> None:
    before = memory(service)
    connection = open_connection()
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: test\r\nX-Large: ")
    try:
        for _ in range(96):
            connection.sendall(b"x" * 1024 * 1024)
    except OSError:
        pass

    assert is_problem(until_end(connection), 431, "head_too_large")
    assert memory(service) - before < 10_000


@pytest.mark.parametrize(
    "fields",
    [
        ["X-Large: " + "x" * 33_000],
        ["X-Large: " + "x" * 70_000],
        [f"X-{number}: {'x' * 1000}" for number in range(40)],
        [f"X-{number}: x" for number in range(100)],
    ],
    ids=["one", "one_of_many_reads", "several", "number"],
)
def test_a_head_is_bounded(open_connection: Opener, fields: list[str]) -> None:
    answer = open_connection.converse(request("GET /healthz", *fields))
    assert is_problem(answer, 431, "head_too_large")


def test_a_head_within_the_bounds_is_read_in_whatever_pieces(open_connection: Opener) -> None:
    fields = [f"X-{number}: {'x' * 300}" for number in range(97)]
    whole = request("GET /healthz", *fields, "Connection: close")
    half = len(whole) // 2
    for pieces in ([whole], [whole[:half], whole[half:]], [whole[:-1], whole[-1:]]):
        assert open_connection.converse(*pieces).startswith(b"HTTP/1.1 200 ")


def test_a_target_is_bounded(open_connection: Opener) -> None:
    path = request("GET /healthz?" + "x" * 9_000)
    assert is_problem(open_connection.converse(path), 414, "target_too_long")
    longer = request("GET /" + "x" * 100_000)
    assert is_problem(open_connection.converse(longer), 431, "head_too_large") or is_problem(
        open_connection.converse(longer), 414, "target_too_long"
    )


def test_trailers_are_bounded_and_are_no_fields(open_connection: Opener) -> None:
    chunked = request("POST /echo", "Transfer-Encoding: chunked", "Connection: close")
    body = b"3\r\nabc\r\n0\r\n"
    answer = open_connection.converse(chunked, body, b"X-Kurs-Merchant: other\r\n\r\n")
    assert answer.endswith(b"\r\n\r\nabc")
    assert b"x-kurs-merchant" not in answer.lower()

    long = b"X-Large: " + b"x" * 200_000
    answer = open_connection.converse(chunked, body, long)
    assert is_problem(answer, 400, "framing_too_large")


def test_chunk_extensions_are_bounded(open_connection: Opener) -> None:
    chunked = request("POST /echo", "Transfer-Encoding: chunked", "Connection: close")
    assert open_connection.converse(chunked, b"3;a=b\r\nabc\r\n0\r\n\r\n").endswith(b"abc")
    answer = open_connection.converse(chunked, b"3;" + b"x" * 200_000)
    assert is_problem(answer, 400, "framing_too_large")


def test_a_large_body_in_one_write_is_read(open_connection: Opener) -> None:
    body = b"x" * 900_000
    head = request("POST /echo", f"Content-Length: {len(body)}", "Connection: close")
    assert open_connection.converse(head + body).endswith(body)


def test_pipelined_requests_are_answered_in_order_up_to_a_number(open_connection: Opener) -> None:
    few = b"".join(request(f"GET /healthz?{number}") for number in range(10))
    answer = open_connection.converse(few + request("GET /healthz", "Connection: close"))
    assert answer.count(b"HTTP/1.1 200 ") == 11

    many = request("GET /sleep?seconds=0.01") * 2_000
    answer = open_connection.converse(many)
    assert answer.count(b"HTTP/1.1 200 ") == 17
    assert is_problem(answer, 429, "too_many_pipelined")


def test_a_refusal_waits_for_the_answers_before_it(open_connection: Opener) -> None:
    first = request("GET /sleep?seconds=0.2")
    answer = open_connection.converse(first + b"no request\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert is_problem(answer, 400, "malformed_request")

    chunked = request("POST /echo", "Transfer-Encoding: chunked")
    answer = open_connection.converse(first + chunked + b"no size\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1") == 2
    assert is_problem(answer, 400, "malformed_request")


# Times.


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


Ends = Mapping[object, tuple[bytes, float]]


@pytest.fixture(scope="module")
def ends(service: ManagedProcess) -> Ends:
    """Have all conversations that wait for a time to be over, and all at once.

    Returns what came, and after how many seconds.
    """

    def timed(converse: Conversation) -> tuple[bytes, float]:
        opener, began = Opener(service.port), time.monotonic()
        try:
            return converse(opener), time.monotonic() - began
        finally:
            opener.close()

    with ThreadPoolExecutor(len(_CONVERSATIONS)) as threads:
        return dict(zip(_CONVERSATIONS, threads.map(timed, _CONVERSATIONS.values()), strict=True))


def test_a_connection_must_bring_its_first_byte(ends: Ends) -> None:
    assert ends["nothing"][0] == b""


@pytest.mark.parametrize("name", _HALVES)
def test_half_a_head_is_not_waited_for(ends: Ends, name: str) -> None:
    assert is_problem(ends[f"half_{name}"][0], 408, "request_timeout")


def test_a_dripping_head_is_not_waited_for(ends: Ends) -> None:
    assert is_problem(ends["head"][0], 408, "request_timeout")


def test_a_later_head_is_not_waited_for_either(ends: Ends) -> None:
    assert "later_letters" in ends
    assert is_problem(ends["later_lines"][0], 408, "request_timeout")


def test_half_a_head_behind_a_request_is_not_waited_for(ends: Ends) -> None:
    answer, _ = ends["half_behind"]
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert is_problem(answer, 408, "request_timeout")


@pytest.mark.parametrize("fields", ["Content-Length: 2000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("path", ["/echo", "/nowhere"])
def test_a_dripping_body_is_not_waited_for(ends: Ends, fields: str, path: str) -> None:
    answer, _ = ends[path, fields]
    assert path != "/echo" or is_problem(answer, 408, "request_timeout")


def test_a_body_that_never_begins_is_not_waited_for(ends: Ends) -> None:
    assert is_problem(ends["body"][0], 408, "request_timeout")


def test_an_idle_connection_ends_with_the_setting(ends: Ends) -> None:
    answer, seconds = ends["idle"]
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert seconds > 1.5


def test_a_request_may_take_longer_than_its_head(ends: Ends) -> None:
    assert ends["long"][0].startswith(b"HTTP/1.1 200 ")


# Readers.


@pytest.mark.parametrize("path", ["/stream", "/large?kibibytes=20000"])
def test_a_client_that_does_not_read_is_not_waited_for(
    service: ManagedProcess, open_connection: Opener, path: str
) -> None:
    connection = open_connection()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    before = memory(service)
    connection.sendall(request(f"GET {path}"))
    deadline = time.monotonic() + _SECONDS
    while connections_of(service.port) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not connections_of(service.port)
    assert path != "/stream" or memory(service) - before < 10_000


def connections_of(port: int) -> int:
    """Return how many connections the service holds; those of the asking one excluded."""
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    established, local = "01", f"0100007F:{port:04X}"
    return sum(1 for row in rows if row.split()[1] == local and row.split()[3] == established)


# Numbers.


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
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        connection = open_connection()
        connection.sendall(request("GET /healthz"))
        if status(connection) == 200:
            return
    raise AssertionError("a place that became free is not given")


# What is no HTTP/1.1 request.


@pytest.mark.parametrize(
    "data",
    [
        b"GET /healthz HTTP/1.1\r\n\r\n",
        request("GET /healthz", "Host: other"),
        request("GET /healthz", host="Host: "),
        request("GET /healthz", host="Host: a/b"),
        request("GET /healthz", host="Host: user@a"),
        request("GET /healthz", host="Host: a, b"),
        request("GET /healthz", host="Host: a:port"),
        request("GET http://test/healthz"),
        request("GET healthz"),
        request("CONNECT test:80"),
        request("GET /healthz", "X-Folded: a\r\n b"),
        request("GET /healthz", "X-Spaced : a"),
        request("POST /echo", "Content-Length: 3", "Transfer-Encoding: chunked"),
        request("POST /echo", "Content-Length: 3", "Content-Length: 4"),
        request("POST /echo", "Transfer-Encoding: gzip"),
        b"POST /echo HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        b"GET /healthz HTTP/2.0\r\nHost: test\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /healthz HTTP/1.1\nHost: test\n\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_request_is_refused(open_connection: Opener, data: bytes) -> None:
    assert is_problem(open_connection.converse(data), 400, "malformed_request")


@pytest.mark.parametrize("host", ["localhost", "kurs-wallet.kurs_dev:8083", "[::1]:80", "10.0.0.1"])
def test_a_host_is_a_name_or_an_address(open_connection: Opener, host: str) -> None:
    data = request("GET /healthz", "Connection: close", host=f"Host: {host}")
    assert open_connection.converse(data).startswith(b"HTTP/1.1 200 ")


def test_http_1_0_is_answered(open_connection: Opener) -> None:
    assert open_connection.converse(b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_what_follows_an_upgrade_is_not_read_as_a_request(open_connection: Opener) -> None:
    fields = ("Connection: Upgrade", "Upgrade: h2c")
    answer = open_connection.converse(request("GET /healthz", *fields) + request("GET /healthz"))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1") == 1

    body = request("GET /healthz")
    post = request("POST /echo", *fields, f"Content-Length: {len(body)}")
    assert is_problem(open_connection.converse(post + body), 400, "malformed_request")
