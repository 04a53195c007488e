"""Lets a connection end when the machine at its other end is gone without a word.

A pod or a node that dies may send no end of its connections, and TCP would repeat what was sent to
it for a quarter of an hour: every pooled connection would hang until the deadline of the request
that it is used for, one after the other, and those to a database for longer. An answer that takes
its time is no matter: the other side's kernel confirms that the question has come.
"""

import socket
from asyncio.trsock import TransportSocket
from typing import Any

DEAD_AFTER_SECONDS = 3

AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
"""As `socket.getaddrinfo` gives it: family, kind, protocol, canonical name, address."""


def open_socket(address: AddressInfo) -> socket.socket:
    """Return a socket for an address that ends with its peer; for aiohttp's `socket_factory`."""
    family, kind, protocol, _, _ = address
    connection = socket.socket(family, kind, protocol)
    end_with_dead_peer(connection)
    return connection


def end_with_dead_peer(connection: socket.socket | TransportSocket) -> None:
    """Bound how long a TCP connection waits for a confirmation; Unix sockets need none.

    What the operating system does not offer is left as it is.
    """
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", 1),
        ("TCP_KEEPINTVL", 1),
        ("TCP_KEEPCNT", DEAD_AFTER_SECONDS),
        ("TCP_USER_TIMEOUT", 1000 * DEAD_AFTER_SECONDS),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
