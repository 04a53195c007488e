"""Fails when this pod reaches the wallet: only the services that call it may (network policies)."""

import socket
import sys

ATTEMPTS, SECONDS = 3, 3


def main(host: str, port: int) -> int:
    """Return 0 when the port cannot be reached; the name must be known, or nothing was tried."""
    address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4]
    for _ in range(ATTEMPTS):
        try:
            socket.create_connection(address[:2], timeout=SECONDS).close()
        except OSError as error:
            print(f"{host}:{port} cannot be reached from here: {error}")
        else:
            print(
                f"{host}:{port} can be reached by any pod: the cluster's network enforces no "
                "network policies, or they are gone. Requests without an edge's key are refused "
                "all the same; see docs/operations.md."
            )
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
