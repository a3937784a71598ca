"""HTTP proxies."""

from __future__ import annotations

from collections.abc import Iterator

from tests.settings.kinds.parts import LOCAL, OWN, PROXY, S3, env, storage
from tests.settings.tables import REMOVED, Wrong, below, merged


def proxies() -> Iterator[Wrong]:
    """Yield proxies that would get the stack's own requests."""
    rule = "must have NO_PROXY with every host of the stack: otherwise its own requests go to the proxy"
    network = "; or remove the variables and use network.proxy, which does this"
    for workload in ("web", "worker", "registry"):
        for name in ("HTTPS_PROXY", "http_proxy"):
            yield Wrong(
                name=f"{name} of {workload} without NO_PROXY",
                change=env(workload, (name, PROXY)),
                key=f"workloads.{workload}.env",
                rule=rule,
                fix=f'set NO_PROXY to "{OWN}"{network}',
                fixed=env(workload, (name, PROXY), ("NO_PROXY", OWN)),
            )
    for variable, said, completed in (
        (
            "NO_PROXY",
            "localhost,127.0.0.1,.svc,.cluster.local",
            "localhost,127.0.0.1,.svc,.cluster.local,portus.example.com,registry.example.com",
        ),
        ("no_proxy", "git.corp.example.com", f"git.corp.example.com,{OWN}"),
        ("NO_PROXY", "portus.example.com", f"portus.example.com,{LOCAL},registry.example.com"),
        ("NO_PROXY", "*", f"*,{OWN}"),
    ):
        yield Wrong(
            name=f"{variable}={said}",
            change=env("web", ("HTTP_PROXY", PROXY), (variable, said)),
            key="workloads.web.env[1].value",
            rule=rule,
            fix=f'set {variable} to "{completed}"{network}',
            fixed=env("web", ("HTTP_PROXY", PROXY), (variable, completed)),
        )
    inside = merged(env("registry", ("HTTP_PROXY", PROXY), ("NO_PROXY", OWN)), storage(S3, regionendpoint="http://10.9.8.7:9000"))
    yield Wrong(
        name="NO_PROXY without the object store inside",
        change=inside,
        key="workloads.registry.env[1].value",
        rule=rule,
        fix=f'set NO_PROXY to "{OWN},10.9.8.7"{network}',
        fixed=env("registry", ("HTTP_PROXY", PROXY), ("NO_PROXY", f"{OWN},10.9.8.7")),
    )
    yield Wrong(
        name="network.proxy and variables",
        change=merged(below("network.proxy.http", PROXY), env("web", ("NO_PROXY", OWN))),
        key="workloads.web.env[0].name",
        rule="must not be set together with network.proxy, which sets this variable",
        fix="remove it; write hosts of your own under network.proxy.noProxy",
        fixed=below("workloads.web.env", []),
    )
    yield Wrong(
        name="exceptions without a proxy",
        change=below("network.proxy.noProxy", ["git.example.com"]),
        key="network.proxy.noProxy",
        rule="has no effect without network.proxy.http or network.proxy.https",
        fix="set one of them, or remove it",
        fixed=below("network.proxy.https", PROXY),
    )
    yield Wrong(
        name="proxy with a path",
        change=below("network.proxy.http", "http://proxy.example.com:3128/wpad.dat"),
        key="network.proxy.http",
        rule="must be the URL of an HTTP proxy: http://, its host and its port",
        fix="write http://proxy.example.com:3128",
        fixed=below("network.proxy.http", "http://proxy.example.com:3128"),
    )
    yield Wrong(
        name="proxy that is asked by HTTPS",
        change=below("network.proxy.https", "https://proxy.example.com:3128"),
        key="network.proxy.https",
        rule="must be the URL of an HTTP proxy: http://, its host and its port",
        fix="write http://proxy.example.com:3128",
        fixed=below("network.proxy.https", "http://proxy.example.com:3128"),
    )
    yield Wrong(
        name="exception with a scheme",
        change=below("network.proxy", {"http": PROXY, "noProxy": ["https://git.example.com"]}),
        key="network.proxy.noProxy[0]",
        rule="must be a host, a domain, an address or a network, one in each entry of the list",
        fix="write e.g. [git.example.com, corp.example.com]",
        fixed=below("network.proxy.noProxy", ["git.example.com"]),
    )
    yield Wrong(
        name="variables of all workloads",
        change=env("all", ("HTTP_PROXY", PROXY)),
        key="workloads.all.env",
        rule="unknown key",
        fix="write it under the workload that needs it, e.g. portus:workloads.web; write an HTTP proxy under portus:network.proxy",
        fixed={"workloads": REMOVED, "network": {"proxy": {"http": PROXY}}},
    )
