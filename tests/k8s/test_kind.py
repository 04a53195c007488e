"""kind's ports reach a NodePort, and README's block installs what it says; kind is not run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.test_readme import commands

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


def block() -> list[str]:
    part = (ROOT / "README.md").read_text("utf-8").split("## On Kubernetes")[1]
    return commands(part.split("```\n")[1])


def expanded(command: str) -> str:
    """Return what make would run for it, in one line each."""
    plain = command.replace("make ", "make -n -o .venv/.ready ", 1)
    done = subprocess.run(
        ["bash", "-c", plain], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.replace("\\\n", " ")


@pytest.mark.skipif(
    shutil.which("helm") is None, reason="helm is not on PATH: make doctor says how to get it"
)
def test_the_readme_s_block_installs_what_it_says(tmp_path: Path) -> None:
    """kind is not run here: make says what each command would do, and helm what that installs."""
    said = {command: expanded(command) for command in block()}
    loaded = set(re.findall(r"\bkurs/[a-z-]+:\S+", said["make images kind-load"]))
    for name in ("charts", "k8s"):
        (tmp_path / name).symlink_to(ROOT / name)
    run("python -m kurs_operator.local --once --samples k8s/samples --out var/config", tmp_path)
    (deploy,) = (text for command, text in said.items() if command.startswith("make deploy"))
    (install,) = (line for line in deploy.splitlines() if " upgrade --install kurs " in line)
    render = re.sub(r"--wait|--timeout \S+|--create-namespace", "", install)
    rendered = run(render.replace("upgrade --install", "template"), tmp_path)

    documents = [each for each in yaml.safe_load_all(rendered) if each]
    images = set(re.findall(r"image: \"?(?:docker\.io/)?(kurs/\S+?)\"?$", rendered, re.MULTILINE))
    assert images
    assert images == loaded
    assert {"PodMonitor", "ServiceMonitor"} & {each["kind"] for each in documents}
    assert '{name: KURS_OTLP_ENDPOINT, value: "http://tempo.monitoring:4318"}' in rendered
    (keys,) = (
        e for e in documents if e["kind"] == "Secret" and "api-keys" in e["metadata"]["name"]
    )
    assert f"get secret {keys['metadata']['name']} " in (ROOT / "README.md").read_text("utf-8")
    assert "api-key" in {**keys.get("data", {}), **keys.get("stringData", {})}


def run(command: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
