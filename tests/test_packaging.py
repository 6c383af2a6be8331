"""The files of packaging/: valid by their schemas, hardened, and in step with the command line."""

from __future__ import annotations

import importlib.resources
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from benchmarks.serving.running import free_port
from radscribe.cli import listen
from radscribe.cli.serve import command

PACKAGING = Path(__file__).parents[1] / "packaging"
SCHEMAS = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
KUBERNETES = "1.31"
CUSTOM = {"PodMonitor", "RayJob", "Kustomization"}  # kinds that Kubernetes itself does not have
OPTIONS = {flag for parameter in command.params for flag in parameter.opts}


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))


def manifests() -> list[Any]:
    files = sorted((PACKAGING / "kubernetes").glob("*.yaml"))
    return [document for file in files for document in yaml.safe_load_all(file.read_text())]


def pods() -> list[dict[str, Any]]:
    """Each pod that the manifests make, as a Pod."""
    found = []
    for manifest in manifests():
        spec = manifest.get("spec", {})
        if manifest["kind"] == "Deployment":
            found.append(spec["template"]["spec"])
        if manifest["kind"] == "RayJob":
            cluster = spec["rayClusterSpec"]
            groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
            found += [group["template"]["spec"] for group in groups]
    return [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": pod} for pod in found]


@pytest.mark.parametrize("name", ["compose.yaml", "orthanc.yaml"])
def test_the_compose_file_is_valid(name: str) -> None:
    jsonschema.validate(yaml.safe_load((PACKAGING / name).read_text()), schema("compose-spec"))


def test_orthanc_gets_the_results_of_what_it_sends() -> None:
    compose = yaml.safe_load((PACKAGING / "orthanc.yaml").read_text())
    options = dict(o.removeprefix("--").split("=") for o in compose["services"]["radscribe"]["command"][1:])
    orthanc = compose["services"]["orthanc"]["environment"]
    assert options["allow-ae"] == orthanc["ORTHANC__DICOM_AET"] == "ORTHANC"
    assert options["destination"] == "dicom:ORTHANC@orthanc:4242"
    assert f'"radscribe", {options["listen"]}]' in orthanc["ORTHANC__DICOM_MODALITIES"]
    assert "OnStableStudy" in (PACKAGING / "orthanc.lua").read_text()
    assert {f"--{name}" for name in options} <= OPTIONS


def test_every_replica_sends_what_the_node_received_back_to_orthanc() -> None:
    services = yaml.safe_load((PACKAGING / "compose.yaml").read_text())["services"]
    for name in ("radscribe", "listen"):
        assert "--destination=dicom:ORTHANC@orthanc:4242" in services[name]["command"]
        assert "RADSCRIBE_IDENTITY_KEY" in services[name]["environment"]
    orthanc = services["orthanc"]
    assert orthanc["environment"]["ORTHANC__DICOM_AET"] == "ORTHANC"
    assert set(services["radscribe"]["networks"]) <= set(orthanc["networks"])


def test_the_compose_file_names_only_what_it_defines() -> None:
    compose = yaml.safe_load((PACKAGING / "compose.yaml").read_text())
    for service in compose["services"].values():
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
        assert set(service.get("networks", [])) <= set(compose["networks"])
        assert set(service.get("depends_on", [])) <= set(compose["services"])
        named = [volume.partition(":")[0] for volume in service.get("volumes", [])]
        assert {name for name in named if not name.startswith(".")} <= set(compose["volumes"])
    assert [n for n, service in compose["services"].items() if service.get("profiles")] == [
        "listen",
        "orthanc",
    ]


def test_the_service_s_container_can_write_and_reach_little() -> None:
    compose = yaml.safe_load((PACKAGING / "compose.yaml").read_text())
    service = compose["services"]["radscribe"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert compose["networks"][service["networks"][0]]["internal"]
    assert len(service["networks"]) == 1


@pytest.mark.parametrize("manifest", manifests(), ids=lambda manifest: str(manifest["kind"]))
def test_a_manifest_is_valid(manifest: dict[str, Any]) -> None:
    if manifest["kind"] in CUSTOM:
        assert manifest["apiVersion"].count("/") == 1
    else:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


@pytest.mark.parametrize("pod", pods(), ids=["batch", "batch", "service"])
def test_a_pod_is_valid_and_not_root(pod: dict[str, Any]) -> None:
    kubernetes_validate.validate(pod, KUBERNETES, strict=True)
    assert pod["spec"]["securityContext"]["runAsNonRoot"]
    for container in pod["spec"]["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_every_option_in_the_packaging_exists() -> None:
    compose = yaml.safe_load((PACKAGING / "compose.yaml").read_text())
    (deployment,) = [manifest for manifest in manifests() if manifest["kind"] == "Deployment"]
    arguments = compose["services"]["radscribe"]["command"]
    arguments += deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    given = {argument.partition("=")[0] for argument in arguments if argument.startswith("--")}
    listening = compose["services"]["listen"]["command"]
    accepted = {flag for parameter in listen.command.params for flag in parameter.opts}
    assert {argument.partition("=")[0] for argument in listening[1:]} <= accepted
    last = re.findall(r"^CMD (\[.*\])$", (PACKAGING / "Dockerfile").read_text(), re.MULTILINE)[-1]
    given |= {argument for argument in json.loads(last) if argument.startswith("--")}
    assert given <= OPTIONS


def test_the_autoscaler_follows_a_metric_that_the_service_has() -> None:
    (scaler,) = [manifest for manifest in manifests() if manifest["kind"] == "HorizontalPodAutoscaler"]
    metric = scaler["spec"]["metrics"][0]["pods"]["metric"]["name"]
    service = Path(__file__).parents[1] / "src" / "radscribe" / "serving" / "service.py"
    assert f'"{metric.removeprefix("radscribe_")}"' in service.read_text()


def test_the_release_workflow_is_valid() -> None:
    workflow = Path(__file__).parents[1] / ".github" / "workflows" / "release.yml"
    document = yaml.safe_load(workflow.read_text())
    document["on"] = document.pop(True)  # YAML 1.1 takes the key for a truth value
    jsonschema.validate(document, schema("github-workflows"))


def docker(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=timeout
    )


def compose_program() -> list[str] | None:
    """The command for Compose 2 or later, or None."""
    programs = (["docker", "compose"], ["/usr/libexec/docker/cli-plugins/docker-compose"], ["docker-compose"])
    for program in programs:
        if shutil.which(program[0]) is None:
            continue
        told = subprocess.run([*program, "version"], capture_output=True, text=True, check=False, timeout=60)
        if re.search(r"version v?([2-9]|\d\d)\.", told.stdout):
            return program
    return None


def test_docker_compose_takes_the_file() -> None:
    program = compose_program()
    if program is None:
        pytest.skip("needs docker compose 2, which is not installed")
    command = [*program, "--file", str(PACKAGING / "compose.yaml"), "--profile", "pacs", "config"]
    environment = {**os.environ, "RADSCRIBE_IDENTITY_KEY": "a-key"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
    assert result.returncode == 0, result.stderr
    config = yaml.safe_load(result.stdout)
    assert set(config["services"]) == {"radscribe", "postgres", "nginx", "listen", "orthanc"}
    for service in ("radscribe", "nginx", "listen"):
        assert config["services"][service]["read_only"]  # that the shared settings were merged


def test_the_image_serves_without_a_network_and_with_a_read_only_root(tmp_path: Path) -> None:
    if shutil.which("docker") is None or docker("info").returncode:
        pytest.skip("needs a docker daemon, which does not run here")
    root = PACKAGING.parent
    built = docker(
        "build", "--file", str(PACKAGING / "Dockerfile"), "--tag", "radscribe:test", str(root), timeout=1800
    )
    assert built.returncode == 0, built.stderr[-2000:]
    token = tmp_path / "token"
    token.write_text("a-token-of-many-characters")
    token.chmod(0o644)
    port = free_port()
    hardened = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    started = docker(
        *("run", "--detach", "--rm", *hardened, "--publish", f"127.0.0.1:{port}:8000"),
        *("--volume", f"{token}:/run/secrets/token:ro", "radscribe:test"),
        *("serve", "--host", "0.0.0.0", "--store", "/data", "--token-file", "/run/secrets/token"),
    )
    assert started.returncode == 0, started.stderr
    container = started.stdout.strip()
    try:
        for _ in range(120):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                    break
            except OSError:
                time.sleep(0.5)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/examples/normal",
            b"",
            {"Authorization": f"Bearer {token.read_text()}"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            assert json.load(response)["status"] == "done"
        assert docker("exec", container, "id", "-u").stdout.strip() == "10001"
    finally:
        docker("kill", container)


def test_the_image_installs_the_tested_versions_with_hashes() -> None:
    pinned = {
        name.lower().replace("_", "-"): version
        for name, version in re.findall(
            r"^([\w.-]+)==(\S+)", (PACKAGING.parent / "constraints.txt").read_text(), re.MULTILINE
        )
    }
    entries = re.split(r"^(?=[a-zA-Z])", (PACKAGING / "requirements.txt").read_text(), flags=re.MULTILINE)[1:]
    assert len(entries) > 40
    for entry in entries:
        found = re.match(r"([\w.-]+)(?:\[[\w,]+\])?==([^\s;]+)", entry)
        assert found, entry
        name = found[1].lower().replace("_", "-")
        assert pinned.get(name, found[2]) == found[2], name
        assert "--hash=sha256:" in entry, name
    assert "torch" not in {entry.partition("==")[0] for entry in entries}


def test_ci_installs_all_tested_versions_but_torch_with_hashes() -> None:
    def plain(pin: str) -> str:
        name, _, version = pin.partition("==")
        return f"{re.sub(r'[-_.]+', '-', name).lower()}=={version}"

    constraints = (PACKAGING.parent / "constraints.txt").read_text()
    pinned = {plain(line) for line in re.findall(r"^[\w.-]+==\S+", constraints, re.MULTILINE)}
    text = (PACKAGING / "requirements-dev.txt").read_text()
    entries = re.split(r"^(?=[a-zA-Z])", text, flags=re.MULTILINE)[1:]
    hashed = {plain(entry.split()[0]) for entry in entries if "--hash=sha256:" in entry}
    assert len(hashed) == len(entries)
    missing = {pin.partition("==")[0] for pin in pinned - hashed}
    assert missing == {"torch"}, "run: make hashes"
