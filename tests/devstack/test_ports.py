"""Ports: free ones differ, and a taken one is a sentence that names its holder."""

import os
import socket

import pytest

from devstack.errors import StackError
from devstack.ports import free_ports, is_free, require_free


@pytest.fixture
def taken_port() -> int:
    return free_ports(1)[0]


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(8)

    assert len(set(ports)) == 8
    assert all(map(is_free, ports))


def test_a_port_in_use_is_a_sentence_with_the_holder_and_the_way_out(taken_port: int) -> None:
    with socket.create_server(("127.0.0.1", taken_port)):
        assert not is_free(taken_port)
        with pytest.raises(StackError) as raised:
            require_free(taken_port, "wallet")

    sentence = str(raised.value)
    assert f"port {taken_port}, which wallet needs, is in use by process {os.getpid()}" in sentence
    assert f"kill {os.getpid()}" in sentence
    assert "--port N" in sentence


def test_a_port_is_free_again_after_its_server_closed_with_a_connection(taken_port: int) -> None:
    address = ("127.0.0.1", taken_port)
    with socket.create_server(address) as server, socket.create_connection(address):
        accepted, _ = server.accept()
        accepted.close()

    require_free(taken_port, "wallet")
