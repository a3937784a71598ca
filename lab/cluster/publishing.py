"""Publishes ports of the cluster on the host's loopback, and their names in /etc/hosts; what is asked for is what there is."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from lab.cluster import access, config, forwarder, hosts
from lab.cluster.home import Home, one_at_a_time
from ops.errors import OpsError
from ops.process import write_whole


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """One port of the host that leads to a NodePort of the cluster.

    Attributes:
        address: of the host's loopback, as ``127.88.0.1``: each may have its own port 443.
        port: on the host.
        node_port: of the Service, 30000-32767.
        names: host names that shall lead to ``address``; they go to /etc/hosts until ``make down``.
    """

    address: str
    port: int
    node_port: int
    names: tuple[str, ...] = ()


def publish(publications: Sequence[Publication], *, home: Home, addresses: Collection[str] | None = None) -> bool:
    """Make exactly ``publications`` reachable from the host, beside the API server; return whether anything changed.

    Args:
        addresses: only what is published at these is replaced; None replaces everything.

    Raises:
        OpsError: the cluster does not run, an address and port is taken (then nothing has changed), or /etc/hosts is read-only.
    """
    access.running_box(home)
    with one_at_a_time(home, "publications"):
        before = recorded(home)
        kept = [] if addresses is None else [each for each in before if each.address not in addresses]
        current = sorted([*kept, *publications], key=lambda each: (each.address, each.port))
        establish(current, home=home)
        write_whole(home.publications, json.dumps([asdict(each) for each in current], indent=1))
        return current != before


def recorded(home: Home) -> list[Publication]:
    """Return what was published last."""
    try:
        noted = json.loads(home.publications.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [Publication(**{**each, "names": tuple(each["names"])}) for each in noted]


def establish(publications: Sequence[Publication], *, home: Home) -> None:
    """Tell the forwarder and /etc/hosts; raises as `publish`."""
    access.running_box(home)
    routes: list[forwarder.Route] = [("127.0.0.1", access.api_port(home), config.API_PORT)]
    routes += [(each.address, each.port, each.node_port) for each in publications]
    try:
        refused = forwarder.tell(home, routes)
    except OSError as error:
        raise OpsError("the lab's forwarder does not answer.", "run 'make up' again: it restarts the forwarder.") from error
    if refused:
        raise OpsError(f"the lab cannot listen on {refused}.", "end the program that listens there, or choose another address for the lab.")
    names: dict[str, list[str]] = {}
    for each in publications:
        names.setdefault(each.address, []).extend(name for name in each.names if name not in names.get(each.address, []))
    hosts.ensure(home.slot, names)
