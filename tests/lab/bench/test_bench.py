"""The bench's figures are medians of the program by medians of the floor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings.load import sections
from components.settings.parse import parse
from lab.__main__ import main as lab
from lab.bench import imports, measure, transfer
from lab.bench.figures import TARGETS, Pair, Run, figures
from lab.bench.first_up import objects
from lab.bench.stage import LAB, SLOT, settings
from lab.bench.transfer import Speeds, percentile
from lab.render.stackfile import project_stacks
from ops.console import Step, console
from ops.deployment import Deployment
from ops.errors import OpsError
from ops.paths import ROOT
from tests.components.exposure.stage import REGISTRY, certificate, private_key


def runs(*walls: float, peak: float = 100, program: float = 0.5) -> list[Run]:
    return [Run(wall=wall, peak_mib=peak, program=program) for wall in walls]


def test_a_ratio_is_of_medians_so_that_one_disturbed_run_counts_nothing() -> None:
    pair = Pair(floor=runs(2.0, 2.0, 9.0, 2.0, 2.0), program=runs(2.2, 30.0, 2.2, 2.2, 2.2, peak=110))
    assert pair.ratio("wall") == pytest.approx(1.1)
    assert pair.ratio("peak_mib") == pytest.approx(1.1)


def test_every_figure_has_its_name() -> None:
    slow = Pair(floor=runs(2.0), program=runs(3.0, peak=100, program=0.6))
    large = Pair(floor=runs(2.0), program=runs(2.0, peak=120, program=0.5))
    found = figures({"preview": slow, "noop_up": large}, from_nothing=60.04, service={"push.ratio": 0.9})
    assert (found["preview.wall.ratio"], found["preview.memory.ratio"]) == (1.5, 1.0)
    assert (found["noop_up.wall.ratio"], found["noop_up.memory.ratio"]) == (1.0, 1.2)
    assert (found["program.seconds"], found["program.share"]) == (0.6, 0.2)
    assert (found["up_from_nothing.seconds"], found["push.ratio"]) == (60.04, 0.9)


def test_a_ratio_of_speeds_is_the_stacks_by_the_bare_registrys() -> None:
    assert Speeds(bare=[2.0, 2.0, 9.0], stack=[4.0, 1.0, 4.0]).ratio == 0.5


@pytest.mark.parametrize(("share", "value"), [(0.99, 99), (0.5, 50), (1.0, 100), (0.0, 1)])
def test_a_percentile_is_the_nearest_rank(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], share) == value
    assert percentile([7.0], share) == 7


def test_the_manual_names_every_target() -> None:
    manual = (ROOT / "docs" / "develop" / "bench.md").read_text(encoding="utf-8")
    for name, target in TARGETS.items():
        (line,) = (line for line in manual.splitlines() if line.startswith("|") and f"`{name}`" in line)
        assert target in line, name


# What kubectl applies is what Pulumi applied: the same objects, names, secrets and addresses.


MARK = "4dabf18193072939515e22adb298388d"


def _resource(kind: str, inputs: dict[str, Any], outputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": f"kubernetes:core/v1:{kind}",
        "custom": True,
        "inputs": inputs,
        "outputs": {"apiVersion": "v1", "kind": kind, **outputs},
        **more,
    }


def test_the_objects_are_those_that_were_sent_with_their_names_secrets_and_addresses() -> None:
    secret = {MARK: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps({"password": "cGFzcw=="})}
    named = {"metadata": {"name": "registry-1a2b", "uid": "1"}}
    state = {
        "deployment": {
            "resources": [
                {"type": "pulumi:pulumi:Stack", "custom": False},
                {"type": "portus:registry:Registry", "custom": False},
                {"type": "random:index/randomPassword:RandomPassword", "custom": True, "outputs": {}},
                _resource("Secret", {"metadata": {"annotations": {"pulumi.com/autonamed": "true"}}, "data": secret}, named),
                _resource(
                    "Service", {"metadata": {"name": "registry"}, "spec": {"ports": []}}, {**named, "spec": {"clusterIP": "10.96.0.9"}}
                ),
                _resource("ConfigMap", {"metadata": {}}, named, delete=True),
            ]
        }
    }
    made, service = objects(state)
    assert made == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "registry-1a2b", "annotations": {}},
        "data": {"password": "cGFzcw=="},
    }
    assert service["spec"] == {"ports": [], "clusterIP": "10.96.0.9"}


# The command's words: few runs are refused, and figures go to standard output and to the file alike.


@pytest.fixture(autouse=True)
def _console() -> Iterator[None]:
    """Keep other tests' console as it is."""
    before = console._file  # what `file` answers is the standard output of this test
    yield
    console._file = before


def test_fewer_than_five_runs_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(["bench", "--runs", "4"]) == 2
    assert "'--runs': 4 is not in the range x>=5" in capsys.readouterr().err


def test_one_figure_a_line_and_the_same_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "_measured", lambda runs: {"preview.wall.ratio": 1.05, "runs": float(runs)})
    assert lab(["bench", "--json", str(tmp_path / "figures.json")]) == 0
    assert capsys.readouterr().out == "preview.wall.ratio: 1.05\nruns: 5.0\n"
    assert json.loads((tmp_path / "figures.json").read_text()) == {"preview.wall.ratio": 1.05, "runs": 5.0}


def test_a_file_that_cannot_be_written_is_reported_before_anything_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(["bench", "--json", str(tmp_path / "no" / "such" / "folder.json")]) == 1
    assert "cannot be written" in capsys.readouterr().err


# The bench deploys a stack's own settings; what must differ on its cluster, and nothing else, differs.


def test_only_the_place_of_the_deployment_differs() -> None:
    before, after = dict(yaml.safe_load(project_stacks()[LAB].read_text())["config"]), settings()["config"]
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert changed == {"portus:host", "portus:registry", "portus:cluster"}
    assert {**before["portus:cluster"], "context": SLOT} == after["portus:cluster"]


def test_the_changed_settings_are_still_right() -> None:
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings()["config"].items()}
    stack = parse(sections(text, "portus:"), file=LAB, encrypted=lambda _: True)
    assert stack.cluster.context == SLOT
    assert stack.images.pull_policy == "Never"


# The bench's layers really move: pushed and pulled with curl, to a bare registry with the stack's certificate.


@pytest.mark.images
def test_a_layer_is_pushed_and_pulled_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "LAYER_BYTES", 3 << 20)
    served = {"tls.crt": certificate("bench", issuer="Root", hosts=(REGISTRY,)), "tls.key": private_key("bench")}
    monkeypatch.setattr(transfer, "_certificate", lambda _: served)
    outputs = {"ca_certificate": certificate("Root", issuer="Root"), "registry_host": REGISTRY}
    deployment = Deployment(stack="bench", outputs=outputs, kubeconfig=tmp_path / "none")
    with transfer._bare(deployment, tmp_path) as bare:
        digest = transfer._layer(tmp_path / "layer")
        assert bare.push(tmp_path / "layer", digest) > 0
        assert bare.pull(digest) > 0
        with pytest.raises(OpsError, match="curl cannot move"):
            bare.pull(f"sha256:{'0' * 64}")
        monkeypatch.setattr(transfer, "LAYER_BYTES", 4 << 20)
        with pytest.raises(OpsError, match=r"of \d+ bytes came back|bytes came back"):
            bare.pull(digest)


# Reading a dump first costs little beside its load.


@pytest.mark.images
def test_a_dump_is_imported_at_the_speed_that_the_bench_promises(tmp_path: Path) -> None:
    least = float(TARGETS["import.ratio"].removeprefix(">= "))
    assert imports.ratio(tmp_path, Step("test"), doublings=13) >= least
