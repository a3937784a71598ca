"""LDAP, mail and HTTP proxies; sizes, images and files of workloads."""

from __future__ import annotations

from collections.abc import Iterator

from tests.settings.tables import LOCAL, OWN, PROXY, REMOVED, S3, Wrong, below, env, ldap, mail, merged, storage

ONE = "must be one filter expression: Portus ignores what follows the first, so more users could log in"
READS = "inside a value as \\{:02x}, the only form that Portus reads"

FILTERS = [
    ("(objectClass=person)(memberOf=cn=x,dc=y)", ONE, "(&(objectClass=person)(memberOf=cn=x,dc=y))"),
    ("(a=b) (c=d)", ONE, "(&(a=b) (c=d))"),
    ("(a=b)|(c=d)", ONE, "(|(a=b)(c=d))"),
    ("(&(a=b)(c=d))(e=f)", ONE, "(&(&(a=b)(c=d))(e=f))"),
    (
        "(&(objectClass=user),(memberOf=cn=a,dc=b))",
        "must not have text between two expressions",
        "(&(objectClass=user)(memberOf=cn=a,dc=b))",
    ),
    ("(|(a=b) or (c=d))", "must not have text between two expressions", None),
    (
        "(&(objectClass=user)(memberOf=cn=c;x,dc=b))",
        f"must write ';' {READS.format(0x3B)}",
        "(&(objectClass=user)(memberOf=cn=c\\3bx,dc=b))",
    ),
    ("(cn=Doe\\, John)", f"must write '\\' {READS.format(0x5C)}", "(cn=Doe\\5c, John)"),
    ('(cn="Doe, J.")', "must have no quotes around a value: they would be a part of it", "(cn=Doe, J.)"),
    ('(cn=6" pipe)', f"must write '\"' {READS.format(0x22)}", "(cn=6\\22 pipe)"),
    (r"(cn=all\*)", rf"must write '\*' {READS.format(0x2A)}", r"(cn=all\2a)"),
    (r"(cn=Doe \(HR\))", rf"must write '\(' {READS.format(0x28)}", r"(cn=Doe \28HR\29)"),
    ("(&(a=b)(c=d)", "must have a ')' for each '('", "(&(a=b)(c=d))"),
    ("(|(a=b)(c=d)))", "must have a '(' for each ')'", "(|(a=b)(c=d))"),
    ("&(a=b)(c=d)", "must begin each expression with an attribute, '&', '|' or '!'", "(&(a=b)(c=d))"),
    ("((a=b))", "must begin each expression with an attribute, '&', '|' or '!'", "(a=b)"),
    ("(!(a=b)(c=d))", "must have only one expression after '!'", "(!(&(a=b)(c=d)))"),
    ("(!a=b)", "must have an expression in parentheses after '!'", "(!(a=b))"),
    ("(&)", "must have an expression in parentheses after '&'", None),
    ("(mail=)", "must have a value after each comparison (* is any value)", "(mail=*)"),
    ("(cn~=x)", "must compare an attribute by =, >=, <= or :=; Portus does not support ~= or attribute options", "(cn=x)"),
    ("(age>5)", "must compare an attribute by =, >=, <= or :=; Portus does not support ~= or attribute options", "(age>=5)"),
    ("(cn;lang-en=x)", "must compare an attribute by =, >=, <= or :=; Portus does not support ~= or attribute options", None),
]


def filters() -> Iterator[Wrong]:
    """Yield the wrong filters; where nobody can know what was meant the report says where the mistake is."""
    key = "portus.config.ldap.filter"
    for text, rule, right in FILTERS:
        if right is not None:
            yield Wrong(name=text, change=ldap(filter=text), key=key, rule=rule, fix=f"write {right}", fixed=ldap(filter=right))
    for text, position, sample in (("(cn;lang-en=x)", 4, ""), ("(&)", 3, ""), ("(|(a=b) or (c=d))", 9, "")):
        rule = next(rule for other, rule, _ in FILTERS if other == text)
        fix = f"the mistake is at character {position}; a correct filter is e.g. (&(objectClass=person)(ou=staff))"
        yield Wrong(
            name=text,
            change=ldap(filter=text),
            key=key,
            rule=rule,
            fix=fix,
            fixed=ldap(filter=sample or "(&(objectClass=person)(ou=staff))"),
        )
    yield Wrong(
        name="empty filter",
        change=ldap(filter=" "),
        key=key,
        rule="must be an LDAP filter",
        fix="remove the key: without a filter every user below ldap.base can log in",
        fixed=below("portus.config.ldap.filter", REMOVED),
    )
    yield Wrong(
        name="filter on two lines",
        change=ldap(filter="(a=b)\n(c=d)"),
        key=key,
        rule="must be an LDAP filter on one line",
        fix="write it on one line, without tabs",
        fixed=ldap(filter="(&(a=b)(c=d))"),
    )
    yield Wrong(
        name="bind account is a plain word",
        change=ldap(authentication={"enabled": True, "bind_dn": "portus", "password": "secret-word"}),
        key="portus.config.ldap.authentication.bind_dn",
        rule="must be a distinguished name, or an account of Active Directory: name@domain or DOMAIN\\name",
        fix="write e.g. cn=portus,ou=services,dc=example,dc=com or portus@corp.example.com",
        fixed=ldap(authentication={"bind_dn": "portus@corp.example.com"}),
    )


def ports() -> Iterator[Wrong]:
    """Yield ports that do not fit their encryption."""
    for port, plain in ((636, 389), (3269, 3268)):
        yield Wrong(
            name=f"LDAP {port} in plain",
            change=ldap(port=port),
            key="portus.config.ldap.port",
            rule=f"must not be {port} without simple_tls: that port expects TLS from the first byte",
            fix=f"set portus.config.ldap.encryption.method to simple_tls, or the port to {plain}",
            fixed=ldap(encryption={"method": "simple_tls"}),
        )
        yield Wrong(
            name=f"LDAP {plain} with simple_tls",
            change=ldap(port=plain, encryption={"method": "simple_tls"}),
            key="portus.config.ldap.port",
            rule=f"must not be {plain} with simple_tls: that port speaks no TLS until start_tls",
            fix=f"set portus.config.ldap.port to {port}, or portus.config.ldap.encryption.method to start_tls",
            fixed=ldap(port=port),
        )
    yield Wrong(
        name="SMTP 465 in plain",
        change=mail(port=465),
        key="portus.config.email.smtp.port",
        rule="must not be 465 without ssl_tls: that port expects TLS from the first byte",
        fix="set portus.config.email.smtp.ssl_tls to tls, or the port to 587 with enable_starttls_auto: true",
        fixed=mail(ssl_tls="tls"),
    )
    yield Wrong(
        name="SMTP 465 of 2.3, which cannot",
        change=mail("2.3", port=465, user_name="portus", password="secret-word"),
        key="portus.config.email.smtp.port",
        rule="must not be 465 without ssl_tls: that port expects TLS from the first byte, which Portus 2.3 cannot",
        fix="set the port to 587",
        fixed=mail("2.3", port=587, user_name="portus", password="secret-word"),
    )
    yield Wrong(
        name="SMTP 465 with STARTTLS",
        change=mail(port=465, enable_starttls_auto=True),
        key="portus.config.email.smtp.enable_starttls_auto",
        rule="must not be true with port 465: that port expects TLS from the first byte",
        fix="set ssl_tls: tls instead, or the port to 587",
        fixed=mail(port=587),
    )
    for own in (25, 587, None):
        default = "" if own else " (used if no port is set)"
        yield Wrong(
            name=f"SMTP {own} with TLS from the first byte on",
            change=mail(ssl_tls="ssl", port=own or REMOVED),
            key="portus.config.email.smtp.ssl_tls",
            rule=f"must not be set with port {own or 587}{default}: that port speaks no TLS until STARTTLS",
            fix="set enable_starttls_auto: true instead, or the port to 465",
            fixed=mail(port=465),
        )


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
        ("no_proxy", "*.example.com", f"*.example.com,{OWN}"),
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


def sizes() -> Iterator[Wrong]:
    """Yield amounts that are too small to mean anything."""
    for key in ("timeout", "backoff"):
        yield Wrong(
            name=f"{key} of nothing",
            change=below(f"registry.notifications.{key}", "0s"),
            key=f"registry.notifications.{key}",
            rule="must be longer than zero",
            fix="write e.g. 2s, or remove it",
            fixed=below(f"registry.notifications.{key}", "2s"),
        )
    for text in ("0.5m", "0.0001", "1.2345"):
        yield Wrong(
            name=f"{text} of a processor",
            change=below("portus.web.resources.requests.cpu", text),
            key="portus.web.resources.requests.cpu",
            rule="must be an amount of CPU of 1m or more, in whole millicores: Kubernetes supports nothing finer",
            fix='write e.g. "2", "0.5" or 500m',
            fixed=below("portus.web.resources.requests.cpu", "0.5"),
        )
    for key, size, rule, fix, fixed in (
        ("database.claim.size", "64Mi", "must be 512Mi or more: an empty MariaDB needs about 180Mi", "write 512Mi or more", "512Mi"),
        (
            "registry.storage.claim.size",
            "100Mi",
            "must be 1Gi or more: every layer of every image is stored here",
            "write 1Gi or more",
            "1Gi",
        ),
        ("backup.claim.size", "1Mi", "must be 100Mi or more: 14 backups are kept here", "write 100Mi or more", "100Mi"),
        (
            "backup.scratchSize",
            "32Mi",
            "must be 512Mi or more: each backup is loaded into an empty MariaDB here",
            "write 512Mi or more",
            "512Mi",
        ),
    ):
        kind = {"database": {"kind": "in_cluster"}} if key.startswith("database") else {}
        driver = {"registry": {"storage": {"driver": "filesystem"}}} if key.startswith("registry") else {}
        yield Wrong(
            name=f"{key} {size}",
            change=merged(merged(kind, driver), below(key, size)),
            key=key,
            rule=rule,
            fix=fix,
            fixed=below(key, fixed),
        )


def images() -> Iterator[Wrong]:
    """Yield images of another program or version."""
    for setting, image, own in (
        ("mariadb", "docker.io/library/mysql:8.4.3", "mariadb"),
        ("mariadb", "percona/percona-server:8.0", "mariadb"),
        ("mariadb", "registry.example.com/postgres:16", "mariadb"),
        ("edge", "nginx:1.27", "haproxy"),
        ("redis", "memcached:1.6", "redis or valkey"),
        ("registry", "goharbor/harbor-core:v2.10", "registry or distribution"),
        ("portus", "docker.io/library/registry:2.8.3", "portus"),
    ):
        yield Wrong(
            name=f"{setting}: {image}",
            change=below(f"images.{setting}", image),
            key=f"images.{setting}",
            rule=f"must be an image of {own}",
            fix="remove it: this program then chooses the image",
            fixed=below(f"images.{setting}", REMOVED),
        )
    for tag in ("2.4", "2.4.3", "v2.4.3-1", "2.4-corp", "portus-2.4", "release-v2.4-rc1"):
        yield Wrong(
            name=f"Portus' image of tag {tag}",
            change=below("images.portus", f"opensuse/portus:{tag}"),
            key="images.portus",
            rule="must be an image of Portus 2.5, which portus.version names",
            fix='name an image of 2.5, or set portus.version: "2.4"',
            fixed={"portus": {"version": "2.4"}},
        )


def files() -> Iterator[Wrong]:
    """Yield CA files that nothing puts into the container."""
    rule, mounted = (
        "must be a path in the container: this path is not mounted in the Pods of {}",
        "; or mount the file with volumes and volumeMounts",
    )
    own = "/certificates/portus-stack-ca.crt"
    also = "; a CA under portus:tls.extraCaCertificates is /certificates/extra-ca-1.crt"
    for path in ("/etc/ldap/ca.crt", "/certificates/corp.crt", "/certificates/extra-ca-1.crt"):
        yield Wrong(
            name=f"ldap {path}",
            change=ldap(encryption={"method": "start_tls", "options": {"ca_file": path}}),
            key="portus.config.ldap.encryption.options.ca_file",
            rule=rule.format("web and worker"),
            fix=f"write {own}{also}{mounted}",
            fixed=ldap(encryption={"method": "start_tls", "options": {"ca_file": own}}),
        )
    peer = {"openssl_verify_mode": "peer", "enable_starttls_auto": True}
    yield Wrong(
        name="mail's file",
        change=mail(ca_file="/ca.crt", **peer),
        key="portus.config.email.smtp.ca_file",
        rule=rule.format("web"),
        fix=f"write {own}{also}{mounted}",
        fixed=mail(ca_file=own),
    )
    yield Wrong(
        name="mail's folder",
        change=mail(ca_path="/opt/authorities", **peer),
        key="portus.config.email.smtp.ca_path",
        rule=rule.format("web"),
        fix=f"write /etc/ssl/certs{mounted}",
        fixed=mail(ca_path="/etc/ssl/certs"),
    )


def stars() -> Iterator[Wrong]:
    """Yield domains with a star, which Ruby compares letter by letter."""
    for said, right in (("*.example.com", ".example.com"), ("*.corp.example.com", ".corp.example.com"), ("*.svc", ".svc")):
        yield Wrong(
            name=f"noProxy {said}",
            change=below("network.proxy", {"https": PROXY, "noProxy": ["git.example.com", said]}),
            key="network.proxy.noProxy[1]",
            rule="must be a host, a domain, an address or a network, one in each entry of the list",
            fix=f"write {right}, because Ruby reads no '*'",
            fixed=below("network.proxy.noProxy", ["git.example.com", right]),
        )


def sources() -> Iterator[Wrong]:
    """Yield a volume whose source is nothing."""
    mounts = [{"name": "s", "mountPath": "/s"}]
    yield Wrong(
        name="empty folder without its braces",
        change=below("workloads.web", {"volumes": [{"name": "s", "emptyDir": None}], "volumeMounts": mounts}),
        key="workloads.web.volumes[0]",
        rule="must have exactly one source",
        fix="write 'emptyDir: {}'",
        fixed=below("workloads.web.volumes", [{"name": "s", "emptyDir": {}}]),
    )
