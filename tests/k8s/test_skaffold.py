"""skaffold.yaml holds its schema, builds every image, and installs a chart that takes its values.

Skaffold itself is not needed: profiles are applied here, as the JSON patches that they are.
"""

import copy
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIGS = {
    config["metadata"]["name"]: config
    for config in yaml.safe_load_all((ROOT / "skaffold.yaml").read_text("utf-8"))
}
IMAGES = ("api-gateway", "payments", "fx", "wallet", "risk", "webhooks", "operator")
SOURCES = {name: f"services/{name}" for name in IMAGES} | {"operator": "operator"}
ENVIRONMENTS = ("dev", "staging", "production")
SCHEMA = os.environ.get("KURS_SKAFFOLD_SCHEMA", "")

Config = dict[str, Any]


def applied(config: Config, profile: str) -> Config:
    """Return a configuration with a profile; raises KeyError or IndexError for a path not there."""
    changed = copy.deepcopy(config)
    for found in config.get("profiles", ()):
        if found["name"] == profile:
            for patch in found["patches"]:
                _patch(changed, patch)
    return changed


def _patch(config: Any, patch: Config) -> None:
    *way, last = patch["path"].removeprefix("/").split("/")
    for step in way:
        config = config[int(step) if isinstance(config, list) else step]
    key = int(last) if isinstance(config, list) else last
    if patch["op"] == "add" and isinstance(config, list):
        assert isinstance(key, int)
        assert key <= len(config)
        config.insert(key, patch["value"])
        return
    if patch["op"] == "replace":
        assert config[key] is not None
    config[key] = patch["value"]


@pytest.mark.skipif(
    not SCHEMA, reason="set KURS_SKAFFOLD_SCHEMA to the JSON schema of skaffold/v4beta14"
)
@pytest.mark.parametrize("profile", ["", "live", "observed", *ENVIRONMENTS])
@pytest.mark.parametrize("name", CONFIGS)
def test_it_holds_the_schema(name: str, profile: str) -> None:
    schema = json.loads(Path(SCHEMA).read_text("utf-8"))
    jsonschema.validate(applied(CONFIGS[name], profile), schema)


def test_there_is_a_module_for_each_image_and_one_that_needs_them_all() -> None:
    assert set(CONFIGS) == {*IMAGES, "kurs"}
    assert CONFIGS["kurs"]["requires"] == [{"configs": list(IMAGES)}]
    for name in IMAGES:
        (artifact,) = CONFIGS[name]["build"]["artifacts"]
        assert artifact["image"] == f"kurs/{name}"
        assert artifact["docker"]["buildArgs"] == {"SOURCE": SOURCES[name]}
        assert (ROOT / artifact["docker"]["dockerfile"]).is_file()


@pytest.mark.parametrize("name", IMAGES)
def test_live_syncs_sources_to_where_python_looks_first(name: str) -> None:
    (artifact,) = applied(CONFIGS[name], "live")["build"]["artifacts"]
    for rule in artifact["sync"]["manual"]:
        files = [f for f in ROOT.glob(rule["src"]) if f.is_file()]
        assert files, rule
        assert all(str(f.relative_to(ROOT)).startswith(rule["strip"]) for f in files)
        assert rule["dest"] == "/tmp/live"
    values = applied(CONFIGS["kurs"], "live")["deploy"]["helm"]["releases"][0]["setValues"]
    chart = "kurs-operator" if name == "operator" else name
    assert values[f"{chart}.env[0].name"] == "PYTHONPATH"
    assert values[f"{chart}.env[0].value"] == "/tmp/live"


@pytest.mark.parametrize("name", IMAGES)
def test_live_syncs_every_source_that_goes_into_the_image(name: str) -> None:
    """What an image is made of and no rule names would be built anew at each change of it."""
    (artifact,) = applied(CONFIGS[name], "live")["build"]["artifacts"]
    recipe = (ROOT / artifact["docker"]["dockerfile"]).read_text("utf-8")
    copied = re.findall(r"^COPY (libs/kurs|\${SOURCE}) ", recipe, re.M)
    sources = {
        file
        for folder in copied
        for file in (ROOT / folder.replace("${SOURCE}", SOURCES[name]) / "src").rglob("*.*")
        if file.suffix != ".pyc"
    }
    assert len(sources) > 20
    rules = artifact["sync"]["manual"]
    assert sources <= {file for rule in rules for file in ROOT.glob(rule["src"])}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_each_environment_goes_to_its_namespace(environment: str) -> None:
    config = applied(CONFIGS["kurs"], environment)
    release = config["deploy"]["helm"]["releases"][0]
    assert release["namespace"] == f"kurs-{environment}"
    assert config["portForward"][0]["namespace"] == f"kurs-{environment}"
    assert release["valuesFiles"] == [f"k8s/environments/{environment}.yaml"]


@pytest.mark.skipif(
    shutil.which("helm") is None, reason="helm is not on PATH: make doctor says how to get it"
)
@pytest.mark.parametrize(
    "profiles",
    [("dev",), ("dev", "observed"), ("staging",), ("production",), ("dev", "observed", "live")],
)
def test_the_chart_takes_what_is_set_and_every_image_is_ours(
    profiles: tuple[str, ...], tmp_path: Path
) -> None:
    config = CONFIGS["kurs"]
    for profile in profiles:
        config = applied(config, profile)
    release = config["deploy"]["helm"]["releases"][0]
    document = tmp_path / "document.json"
    document.write_text("{}")
    arguments = [word for file in release["valuesFiles"] for word in ("-f", file)]
    arguments += [w for key in release["setFiles"] for w in ("--set-file", f"{key}={document}")]
    for key, value in (release["setValues"] | release["setValueTemplates"]).items():
        arguments += ["--set", f"{key}={_built(str(value))}"]
    command = ["helm", "template", release["name"], release["chartPath"], *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    images = set(re.findall(r'image: "?(kurs/[^"\s]+)', done.stdout))
    services = {f"kurs/{name}:built" for name in IMAGES if name != "operator"}
    assert services <= images <= services | {"kurs/operator:built"}


def _built(template: str) -> str:
    """Fill in what Skaffold knows of an image after its build."""

    def value(found: re.Match[str]) -> str:
        kind, name = found.groups()
        image = f"kurs/{name.replace('_', '-')}"
        assert image.removeprefix("kurs/") in IMAGES
        return image if kind == "REPO" else "built"

    return re.sub(r"{{\.IMAGE_(REPO|TAG)_kurs_(\w+)}}", value, template)
