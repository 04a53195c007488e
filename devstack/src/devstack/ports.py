"""TCP ports on the loopback interface: finding free ones, and naming who holds a taken one."""

import argparse
import random
import socket

import psutil

from devstack.errors import StackError

LOOPBACK = "127.0.0.1"
# Below the ranges from which systems take source ports for outgoing connections, so that a port
# found free here is not gone again before the service listens on it.
_FIRST, _LAST = 20_000, 32_000

_chooser = random.SystemRandom()


def first_port(text: str) -> int:
    """Read the first of six ports in a row, for argparse."""
    if not text.isdigit() or not 1 <= int(text) <= 64_530:
        raise argparse.ArgumentTypeError("the first of six ports, from 1 to 64530")
    return int(text)


def is_free(port: int) -> bool:
    """Tell whether a server may listen on `port` (a connection in TIME_WAIT does not matter)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_ports(count: int, beside: int = 0) -> list[int]:
    """Return `count` different free ports; raises StackError when the machine has none.

    With `beside` the port so much above each is free, too.
    """
    found: set[int] = set()
    for _ in range(1000):
        if len(found) == count:
            break
        port = _chooser.randint(_FIRST, _LAST - beside)
        both = {port, port + beside}
        if not both & (found | {other + beside for other in found}) and all(map(is_free, both)):
            found.add(port)
    if len(found) < count:
        raise StackError(f"no {count} free ports between {_FIRST} and {_LAST}; end some servers")
    return list(found)


def require_free(port: int, name: str) -> None:
    """Raise StackError, naming the holder if the system tells, unless `port` is free."""
    if is_free(port):
        return
    holder = _holder(port)
    who = f"by process {holder.pid} ({' '.join(holder.cmdline())[:80]})" if holder else "already"
    what = f"end it with `kill {holder.pid}`" if holder else "end the program that listens there"
    raise StackError(
        f"port {port}, which {name} needs, is in use {who}: {what}, or choose other ports "
        f"with `--port N` (the gateway listens on N, the services on N+1 to N+5, probes and "
        f"metrics on N+1000 to N+1005)"
    )


def _holder(port: int) -> psutil.Process | None:
    try:
        for connection in psutil.net_connections("tcp"):
            local = getattr(connection.laddr, "port", None)
            if connection.status == psutil.CONN_LISTEN and local == port:
                return psutil.Process(connection.pid) if connection.pid else None
    except psutil.Error:
        return None
    return None
