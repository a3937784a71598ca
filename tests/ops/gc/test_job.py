"""The collection's Pod is the registry's in what it reads and in what its policies let it reach, and in nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.images.servers import free_port
from lab.render.stackfile import project_stacks
from ops.doctor.access import Access
from ops.doctor.facts import Expected
from ops.errors import OpsError
from ops.gc.job import NAME, Runner, job
from ops.gc.output import findings, readable
from ops.gc.registry import Registry, registry_of, require_mountable, require_read_only
from ops.kube.client import Kube
from ops.kube.errors import cluster_errors
from ops.kube.jobs import Jobs
from tests.ops.api import api
from tests.recorder import STACKS, run_program


@pytest.fixture(scope="module", params=STACKS)
def objects(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Every object of a stack of this project."""
    return [dict(each.document) for each in run_program(request.param, preview=True).manifests()]


def _of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in objects if each["kind"] == kind]


def _registry(objects: list[dict[str, Any]]) -> dict[str, Any]:
    found = next(each for each in _of_kind(objects, "Deployment") if each["metadata"]["name"] == "registry")
    return {**found, "metadata": {**found["metadata"], "uid": "0a1b"}}


def _selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def _job(objects: list[dict[str, Any]], *, node: str = "", dry_run: bool = True, untagged: bool = False) -> dict[str, Any]:
    return job(_registry(objects), config="/etc/config.yml", blobs="", node=node, dry_run=dry_run, untagged=untagged)


class TestJob:
    def test_no_service_budget_or_workload_takes_it_for_a_registry(self, objects: list[dict[str, Any]]) -> None:
        labels = _job(objects)["spec"]["template"]["metadata"]["labels"]
        own = _registry(objects)["spec"]["template"]["metadata"]["labels"]
        services = [each["spec"].get("selector") or {} for each in _of_kind(objects, "Service")]
        others = [
            each["spec"]["selector"]["matchLabels"] for kind in ("PodDisruptionBudget", "Deployment") for each in _of_kind(objects, kind)
        ]
        assert any(_selects(each, own) for each in services)
        assert not any(_selects(each, labels) for each in (*services, *others))

    def test_the_registrys_policies_hold_for_it(self, objects: list[dict[str, Any]]) -> None:
        labels = _job(objects)["spec"]["template"]["metadata"]["labels"]
        own = _registry(objects)["spec"]["template"]["metadata"]["labels"]
        selectors = [each["spec"]["podSelector"].get("matchLabels") or {} for each in _of_kind(objects, "NetworkPolicy")]
        assert [_selects(each, labels) for each in selectors] == [_selects(each, own) for each in selectors]

    def test_it_reads_what_the_registry_reads_and_serves_nothing(self, objects: list[dict[str, Any]]) -> None:
        own, made = _registry(objects)["spec"]["template"]["spec"], _job(objects)["spec"]["template"]["spec"]
        for key in ("volumes", "securityContext", "serviceAccountName", "hostAliases", "imagePullSecrets", "enableServiceLinks"):
            assert made.get(key) == own.get(key)
        (container,) = made["containers"]
        for key in ("image", "env", "volumeMounts", "securityContext", "resources"):
            assert container.get(key) == own["containers"][0].get(key)
        assert not {"ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"} & container.keys()
        assert made["restartPolicy"] == "Never"

    def test_the_deployment_itself_is_left_alone(self, objects: list[dict[str, Any]]) -> None:
        before = yaml.safe_dump(_registry(objects))
        _job(objects, node="node-1")
        assert yaml.safe_dump(_registry(objects)) == before

    def test_it_goes_with_the_registry_and_so_does_its_hold_on_the_claim(self, objects: list[dict[str, Any]]) -> None:
        (owner,) = _job(objects)["metadata"]["ownerReferences"]
        assert owner == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "registry", "uid": "0a1b"}

    def test_it_goes_to_the_node_that_has_the_claim(self, objects: list[dict[str, Any]]) -> None:
        terms = _job(objects, node="node-1")["spec"]["template"]["spec"]["affinity"]["nodeAffinity"][
            "requiredDuringSchedulingIgnoredDuringExecution"
        ]["nodeSelectorTerms"]
        assert terms == [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]}]
        assert "affinity" not in _job(objects)["spec"]["template"]["spec"]

    def test_it_deletes_only_if_confirmed(self, objects: list[dict[str, Any]]) -> None:
        assert _job(objects)["spec"]["template"]["spec"]["containers"][0]["args"] == ["", "--dry-run", "/etc/config.yml"]
        sweeps = _job(objects, dry_run=False, untagged=True)["spec"]["template"]["spec"]["containers"][0]["args"]
        assert sweeps == ["", "--delete-untagged", "/etc/config.yml"]
        assert _job(objects)["metadata"]["name"] == NAME


def _running(
    *, replicas: int = 1, read_only: object = True, modes: tuple[str, ...] = ("ReadWriteOnce",), status: dict[str, int] | None = None
) -> Registry:
    counts = {"observedGeneration": 2, "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas, **(status or {})}
    return Registry(
        deployment={
            "metadata": {"name": "registry", "namespace": "portus", "generation": 2},
            "spec": {"replicas": replicas},
            "status": counts,
        },
        pods=tuple({"metadata": {"name": f"registry-{number}"}, "spec": {"nodeName": "node-1"}} for number in range(replicas)),
        config_path="/etc/config.yml",
        config={
            "storage": {"filesystem": {"rootdirectory": "/data/"}, "maintenance": {"readonly": {"enabled": read_only}}},
            "redis": {"addrs": ["redis.example.com:6379"]},
        },
        claim={"metadata": {"name": "registry-data"}, "spec": {"accessModes": list(modes)}} if modes else {},
    )


class TestGuard:
    def test_a_read_only_registry_may_be_collected(self) -> None:
        assert _running(replicas=2).unsettled == ""
        require_read_only(_running(replicas=2), "prod")

    @pytest.mark.parametrize("said", [False, None, "true", {}])
    def test_one_that_takes_pushes_may_not(self, said: object) -> None:
        with pytest.raises(OpsError, match="deletes layers that a concurrent push has just stored") as refused:
            require_read_only(_running(read_only=said), "prod")
        assert "make up STACK=prod" in refused.value.fix
        assert "below portus:registry" in refused.value.fix

    @pytest.mark.parametrize("stack", project_stacks().values(), ids=lambda path: path.stem)
    def test_what_it_says_to_write_makes_the_registry_read_only_below_the_key_that_is_there(self, stack: Path) -> None:
        with pytest.raises(OpsError) as refused:
            require_read_only(_running(read_only=False), "prod")
        text = stack.read_text(encoding="utf-8")
        key = "  portus:registry:\n"
        assert text.count(key) == 1
        pasted = yaml.safe_load(text.replace(key, f"{key}{refused.value.excerpt}\n"))["config"]["portus:registry"]
        assert pasted["maintenance"] == {"readonly": {"enabled": True}}

    @pytest.mark.parametrize(
        "status", [{"observedGeneration": 1}, {"updatedReplicas": 1}, {"readyReplicas": 1}, {"replicas": 3}, {"readyReplicas": 0}]
    )
    def test_no_pod_may_be_of_another_configuration(self, status: dict[str, int]) -> None:
        with pytest.raises(OpsError, match="not read-only in every Pod yet"):
            require_read_only(_running(replicas=2, status=status), "prod")

    def test_a_pod_on_its_way_out_may_finish_uploads(self) -> None:
        running = _running()
        leaving = {"metadata": {"name": "registry-old", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
        with pytest.raises(OpsError, match="registry-old is on its way out"):
            require_read_only(Registry(**{**_fields(running), "pods": (*running.pods, leaving)}), "prod")

    def test_a_claim_of_one_pod_is_collected_inside_that_pod(self) -> None:
        with pytest.raises(OpsError, match="ReadWriteOncePod") as refused:
            require_mountable(_running(modes=("ReadWriteOncePod",)))
        assert "kubectl exec -n portus deployment/registry" in refused.value.fix

    @pytest.mark.parametrize(("modes", "node"), [(("ReadWriteOnce",), "node-1"), (("ReadWriteOnce", "ReadWriteMany"), ""), ((), "")])
    def test_the_node_matters_where_the_claim_is_mounted_once(self, modes: tuple[str, ...], node: str) -> None:
        running = _running(modes=modes)
        require_mountable(running)
        assert running.node == node
        assert running.blobs == "/data/docker/registry/v2/blobs/sha256"


def _fields(registry: Registry) -> dict[str, Any]:
    return {name: getattr(registry, name) for name in Registry.__slots__}


class TestReport:
    def test_a_report_that_was_cut_off_is_not_whole(self) -> None:
        summary = "2 blobs marked, 2 blobs and 0 manifests eligible for deletion"
        blob, other = (f"blob eligible for deletion: sha256:{letter * 64}" for letter in "ab")
        assert not findings("team/app").whole
        assert not findings(f"team/app\n{summary}\n{blob}").whole
        assert findings(f"team/app\n{summary}\n{blob}\n{other}").whole

    def test_sizes_are_unknown_where_no_file_was_seen(self) -> None:
        found = findings("1 blobs marked, 0 blobs and 0 manifests eligible for deletion")
        assert (found.freed, found.stored) == (None, None)

    @pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 * 1024**4, "5.0 TiB")])
    def test_bytes_are_printed_in_readable_units(self, count: int, text: str) -> None:
        assert readable(count) == text


# What the cluster says on the way to a collection is one line, with what helps against it.


def _looked(kubeconfig: Path) -> OpsError:
    with pytest.raises(OpsError) as caught, cluster_errors("gc", "get and list Deployments"):
        registry_of(Kube(kubeconfig=kubeconfig), "portus", "prod")
    return caught.value


def test_a_cluster_that_does_not_answer_is_distinguished_from_one_that_refuses(tmp_path: Path) -> None:
    absent = _looked(tmp_path / "absent")
    assert "must exist" in absent.problem
    assert "KUBECONFIG=..." in absent.fix
    with api(tmp_path) as made:
        made.status = 403
        refused = _looked(made.kubeconfig)
        assert refused.problem == 'the cluster refuses: secrets is forbidden: User "me" cannot list'
        assert refused.fix.startswith("'gc' needs the rights to get and list Deployments")
        made.status = 422
        assert "needs the rights" not in _looked(made.kubeconfig).fix
    text = made.kubeconfig.read_text(encoding="utf-8")
    made.kubeconfig.write_text(text.replace(text.split("127.0.0.1:")[1].split()[0], str(free_port())), encoding="utf-8")
    assert "the cluster does not answer" in _looked(made.kubeconfig).problem


def test_an_export_distinguishes_a_cluster_that_does_not_answer_from_one_that_refuses(tmp_path: Path) -> None:
    expected = Expected(stack="prod", namespace="portus", portus_url="", registry="", portus_version="2.5", trust="")
    with pytest.raises(OpsError, match=r"the kubeconfig \S+/absent must exist") as caught:
        Access.of(expected, Kube(kubeconfig=tmp_path / "absent"))
    assert "KUBECONFIG=..." in caught.value.fix
    with api(tmp_path) as made:
        made.status = 403
        with pytest.raises(OpsError, match="the API server refuses: secrets is forbidden") as caught:
            Access.of(expected, Kube(kubeconfig=made.kubeconfig))
    assert caught.value.fix.startswith("grant the rights to get the namespace; list Secrets")


def test_a_collection_that_runs_is_stopped_in_its_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Jobs, "find", lambda *_: {"status": {}})
    jobs = Jobs(Kube(kubeconfig=tmp_path / "absent"), "portus")
    with pytest.raises(OpsError, match="a collection is already running") as caught:
        Runner(jobs=jobs, log=tmp_path / "log").clear()
    assert "kubectl delete job -n portus registry-collection" in caught.value.fix
