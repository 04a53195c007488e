"""What the Job before an installation or upgrade does, against an API server of dictionaries."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.operator.builders import kubeconfig, rate_source, threshold
from tests.operator.small_api_server import SmallApiServer

from kurs_operator.crds.definitions import KINDS_DEFINED, RELEASE_ANNOTATION, definition
from kurs_operator.prepare import main, prepare

DEFINITION = "fxratesources.kurs.dev"


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SmallApiServer]:
    """An empty cluster that KUBECONFIG names."""
    async with SmallApiServer({}).serving() as serving:
        file = tmp_path / "config"
        file.write_text(kubeconfig(serving.url))
        monkeypatch.setenv("KUBECONFIG", str(file))
        yield serving


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """A folder with a rate source and a limit."""
    folder = tmp_path / "samples"
    folder.mkdir()
    for content in (rate_source("desk"), threshold("limits")):
        (folder / f"{content['kind']}.yaml").write_text(yaml.safe_dump(content))
    return folder


def definitions(server: SmallApiServer) -> dict[str, dict[str, Any]]:
    return server.objects["customresourcedefinitions"]


async def test_definitions_come_with_the_release_that_turns_the_operator_on(
    server: SmallApiServer,
):
    await prepare(definitions=True, samples=None)

    others = {"riskthresholds.kurs.dev", "eventdestinations.kurs.dev"}
    assert set(definitions(server)) == {DEFINITION, *others}


@pytest.mark.parametrize("older", ["", "0.0.9"])
async def test_definitions_of_an_older_release_are_brought_up_to_date(
    server: SmallApiServer, older: str
):
    theirs = definition(KINDS_DEFINED[0])
    theirs["metadata"]["annotations"] = {RELEASE_ANNOTATION: older} if older else {}
    theirs["spec"]["names"]["shortNames"] = ["rates"]
    server.objects["customresourcedefinitions"] = {DEFINITION: theirs}

    await prepare(definitions=True, samples=None)

    assert definitions(server)[DEFINITION]["spec"]["names"]["shortNames"] == ["fxrs"]


@pytest.mark.parametrize("newer", ["0.10.0", "12.0.0-rc.1"])
async def test_definitions_of_a_newer_release_are_not_taken_back(
    server: SmallApiServer, capsys: pytest.CaptureFixture[str], newer: str
):
    theirs = definition(KINDS_DEFINED[0])
    theirs["metadata"]["annotations"] = {RELEASE_ANNOTATION: newer}
    theirs["spec"]["names"]["shortNames"] = ["rates"]
    server.objects["customresourcedefinitions"] = {DEFINITION: theirs}

    await prepare(definitions=True, samples=None)

    assert definitions(server)[DEFINITION]["spec"]["names"]["shortNames"] == ["rates"]
    assert f"is that of release {newer}" in capsys.readouterr().out


async def test_samples_are_made_as_kubectl_would(server: SmallApiServer, samples: Path):
    await prepare(definitions=False, samples=samples)

    made = server.objects["fxratesources"]["desk"]
    assert made["spec"] == rate_source("desk")["spec"]
    applied = made["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
    assert json.loads(applied) == rate_source("desk")
    assert "limits" in server.objects["riskthresholds"]


async def test_an_edit_stays_and_what_was_deleted_stays_away(server: SmallApiServer, samples: Path):
    await prepare(definitions=False, samples=samples)
    server.objects["fxratesources"]["desk"]["spec"]["baseCurrency"] = "SGD"
    del server.objects["riskthresholds"]["limits"]

    await prepare(definitions=False, samples=samples)

    assert server.objects["fxratesources"]["desk"]["spec"]["baseCurrency"] == "SGD"
    assert not server.objects["riskthresholds"]


async def test_what_stands_there_is_left_and_the_rest_is_made(
    server: SmallApiServer, samples: Path
):
    ours = rate_source("desk", baseCurrency="SGD")
    server.objects["fxratesources"] = {"desk": ours}

    await prepare(definitions=False, samples=samples)

    assert server.objects["fxratesources"]["desk"] == ours
    assert "limits" in server.objects["riskthresholds"]


async def test_nothing_is_seeded_into_a_release_that_had_its_samples_among_its_resources(
    server: SmallApiServer, samples: Path
):
    marks = {"annotations": {"meta.helm.sh/release-name": "kurs"}}
    server.objects["fxratesources"] = {"desk": rate_source("desk", metadata=marks)}

    await prepare(definitions=False, samples=samples)

    assert "limits" not in server.objects.get("riskthresholds", {})
    assert "kurs-samples" in server.objects["configmaps"]


def test_a_cluster_that_refuses_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "config"
    file.write_text(kubeconfig("http://127.0.0.1:1"))
    monkeypatch.setenv("KUBECONFIG", str(file))

    assert main(["--definitions"]) == 1
    assert capsys.readouterr().err.startswith(f"cannot read {DEFINITION}")
