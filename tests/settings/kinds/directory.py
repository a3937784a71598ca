"""LDAP and mail."""

from __future__ import annotations

from collections.abc import Iterator

from tests.settings.kinds.parts import ldap, mail
from tests.settings.tables import REMOVED, Wrong, below

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
    ('(cn="Doe")', f"must write '\"' {READS.format(0x22)}", "(cn=\\22Doe\\22)"),
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
