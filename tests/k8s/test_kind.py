"""The kind cluster's ports reach a NodePort, and leave those that are forwarded free."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_mapped_ports_are_node_ports_on_the_loopback_address() -> None:
    cluster = yaml.safe_load((ROOT / "k8s" / "kind" / "cluster.yaml").read_text("utf-8"))
    mapped = [port for node in cluster["nodes"] for port in node.get("extraPortMappings", ())]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    forwarded = {int(port) for port in re.findall(r"port-forward service/\S+ (\d+)", makefile)}

    assert mapped
    assert {8080, 3000, 9090} == forwarded
    for port in mapped:
        assert 30000 <= port["containerPort"] <= 32767
        assert port["listenAddress"] == "127.0.0.1"
        assert port["hostPort"] not in forwarded
    assert f"--name {cluster['name']}" in makefile
