"""How much a client may send over one connection, and what is no HTTP: a real process."""

import pytest
from tests.kurs.connections.opener import Opener, is_problem, memory, request, until_end

from devstack.processes import ManagedProcess


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
