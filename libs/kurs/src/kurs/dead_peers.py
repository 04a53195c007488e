"""Lets a connection end when the machine at its other end is gone without a word.

A pod or a node that dies sends no end of its connections, and TCP would repeat what was sent to
it for a quarter of an hour: every pooled connection to a database would hang so long after a
fail-over. An answer that takes its time is no matter: the other side's kernel confirms that the
question has come.
"""

import socket
from typing import Any

DEAD_AFTER_SECONDS = 3


def end_with_dead_peer(transport: Any) -> None:
    """Bound how long a TCP connection waits for a confirmation; Unix sockets need none.

    `transport` is asyncio's. What the operating system does not offer is left as it is.
    """
    connection = transport.get_extra_info("socket")
    if connection is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
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
