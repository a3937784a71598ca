"""The certificate path is verified at preview as clients verify it: one problem for each mistake, with a fix that works.

Each verdict is held to OpenSSL's own, in a handshake in memory: HAProxy and Ruby are built on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from cryptography import x509

from components.settings.report.problems import Problem
from tests.settings.authority import HOSTS, private
from tests.settings.chains import ANY, CLIENT, KEY, SERVER, by_sha1, intermediate, is_trusted_by_openssl, leaf, made, root
from tests.settings.tables import BASE, report

Tls = Mapping[str, Any]


def problems_of(tls: Tls, **changes: Any) -> tuple[Problem, ...]:
    """Return what a stack file with ``tls`` is told."""
    return report({**BASE, "tls": tls, **changes})[1]


def provided(certificate: str, authority: str | None = None, key: str = KEY) -> Tls:
    """Return the settings of a certificate in the stack file."""
    trust = {} if authority is None else {"caCertificate": authority}
    return {"source": "provided", "certificate": certificate, "privateKey": key, **trust}


def existing(tls: Tls) -> Tls:
    """Return the same certificate as one in a Secret that another team makes."""
    kept = {key: value for key, value in tls.items() if key != "privateKey"}
    return {**kept, "source": "existing_secret", "secret": "corp-tls"}


@dataclass(frozen=True)
class Mistake:
    """A wrong certificate.

    Args:
        wrong: certificate and root, as the stack file holds them.
        key: the setting that is blamed.
        rule: words of the rule.
        fix: words of the fix.
        right: the same where the fix has been followed.
        openssl: whether OpenSSL lets it pass.
    """

    wrong: Callable[[], tuple[str, str | None]]
    key: str
    rule: str
    fix: str
    right: Callable[[], tuple[str, str | None]]
    openssl: bool = False


GOOD = lambda: (leaf() + intermediate(), root())  # noqa: E731 - a row of the tables below
LEAF, ROOT = "tls.certificate", "tls.caCertificate"


def _constraints(*, permitted: tuple[str, ...] = (), excluded: tuple[str, ...] = ()) -> x509.NameConstraints:
    return x509.NameConstraints([x509.DNSName(tree) for tree in permitted] or None, [x509.DNSName(tree) for tree in excluded] or None)


def _issuing() -> str:
    return made("Issuing", by="Intermediate", of="issuing", signer="intermediate")


def _by_issuing() -> str:
    return leaf(by="Issuing", signer="issuing")


def _weak_root() -> tuple[str, str]:
    return leaf() + intermediate(signer="short-root"), root(of="short-root", signer="short-root")


MISTAKES: Mapping[str, Mistake] = {
    "intermediate missing": Mistake(
        lambda: (leaf(), root()), LEAF, "followed by its issuer, CN=Intermediate", "append the certificate of CN=Intermediate", GOOD
    ),
    "intermediate missing, root in the chain": Mistake(
        lambda: (leaf() + root(), None),
        LEAF,
        "followed by its issuer, CN=Intermediate",
        "append the certificate of CN=Intermediate",
        lambda: (leaf() + intermediate() + root(), None),
    ),
    "second intermediate missing": Mistake(
        lambda: (_by_issuing() + _issuing(), root()),
        ROOT,
        "must have signed CN=Issuing",
        "append it to tls.certificate",
        lambda: (_by_issuing() + _issuing() + intermediate(), root()),
    ),
    "root of another CA": Mistake(
        lambda: (leaf() + intermediate(), made("Other", by="Other", of="other", signer="other")),
        ROOT,
        "must have signed CN=Intermediate",
        "give the certificate of CN=Root",
        GOOD,
    ),
    "root of the same name with another key": Mistake(
        lambda: (leaf() + intermediate(), root(of="other", signer="other")), ROOT, "another key", "CN=Root whose key is in use", GOOD
    ),
    "root ended": Mistake(lambda: (leaf() + intermediate(), root(days=(-99, -1))), ROOT, "it ended at", "in use today", GOOD),
    "root of the future": Mistake(lambda: (leaf() + intermediate(), root(days=(9, 99))), ROOT, "it begins at", "in use today", GOOD),
    "root ends in three days": Mistake(
        lambda: (leaf() + intermediate(), root(days=(-9, 3))), ROOT, "7 more days", "in use today", GOOD, openssl=True
    ),
    "root in the chain ended": Mistake(
        lambda: (leaf() + intermediate() + root(days=(-99, -1)), None),
        LEAF,
        "it ended at",
        "in use today",
        lambda: (leaf() + intermediate() + root(), None),
    ),
    "root is not a CA": Mistake(lambda: (leaf() + intermediate(), root(ca=False)), ROOT, "must be a CA's certificate", "CA:TRUE", GOOD),
    "root without basicConstraints": Mistake(
        lambda: (leaf() + intermediate(), root(ca=None)), ROOT, "must be a CA's certificate", "CA:TRUE", GOOD
    ),
    "root may not sign": Mistake(lambda: (leaf() + intermediate(), root(usage=["crl_sign"])), ROOT, "keyCertSign", "keyCertSign", GOOD),
    "root for clients alone": Mistake(lambda: (leaf() + intermediate(), root(uses=[CLIENT])), ROOT, "lacks serverAuth", "serverAuth", GOOD),
    "root with a weak key": Mistake(_weak_root, ROOT, "RSA of 1024 bits", "stronger key", GOOD),
    "intermediate in place of the root": Mistake(
        lambda: (leaf(), intermediate()), ROOT, "must be a root", "CN=Root here; move CN=Intermediate to tls.certificate", GOOD
    ),
    "intermediate in both places": Mistake(lambda: (leaf() + intermediate(), intermediate()), ROOT, "must be a root", "CN=Root here", GOOD),
    "second intermediate in place of the root": Mistake(
        lambda: (_by_issuing() + _issuing() + intermediate(), _issuing()), ROOT, "must be a root", "CN=Root here", GOOD
    ),
    "server's certificate in place of the root": Mistake(
        lambda: (leaf() + intermediate(), leaf()), ROOT, "this is a server's certificate", "CN=Root here", GOOD
    ),
    "intermediate of another CA in place of the root": Mistake(
        lambda: (leaf() + intermediate(), made("Other", by="Another", of="other", signer="another")), ROOT, "must be a root", "here", GOOD
    ),
    "intermediate is not a CA": Mistake(
        lambda: (leaf() + intermediate(ca=False), root()), LEAF, "must be a CA's certificate", "CA:TRUE", GOOD
    ),
    "intermediate without basicConstraints": Mistake(
        lambda: (leaf() + intermediate(ca=None), root()), LEAF, "must be a CA's certificate", "CA:TRUE", GOOD
    ),
    "intermediate may not sign": Mistake(
        lambda: (leaf() + intermediate(usage=["digital_signature"]), root()), LEAF, "keyCertSign", "ask the CA", GOOD
    ),
    "intermediate for clients alone": Mistake(
        lambda: (leaf() + intermediate(uses=[CLIENT]), root()), LEAF, "lacks serverAuth", "ask the CA", GOOD
    ),
    "intermediate ended": Mistake(lambda: (leaf() + intermediate(days=(-99, -1)), root()), LEAF, "it ended at", "new one", GOOD),
    "intermediate of the future": Mistake(lambda: (leaf() + intermediate(days=(9, 99)), root()), LEAF, "it begins at", "wait", GOOD),
    "intermediate with a weak key": Mistake(
        lambda: (leaf(signer="short-intermediate") + intermediate(of="short-intermediate"), root()),
        LEAF,
        "RSA of 1024 bits",
        "stronger",
        GOOD,
    ),
    "intermediate signed with SHA-1": Mistake(
        lambda: (leaf() + by_sha1(intermediate(), "root"), root()), LEAF, "signed with SHA-1", "new one", GOOD
    ),
    "leaf signed with SHA-1": Mistake(
        lambda: (by_sha1(leaf(), "intermediate") + intermediate(), root()), LEAF, "signed with SHA-1", "new one", GOOD
    ),
    "path too long": Mistake(
        lambda: (leaf() + intermediate(), root(path_length=0)), LEAF, "pathLenConstraint", "a chain that its root allows", GOOD
    ),
    "names outside the intermediate's": Mistake(
        lambda: (leaf() + intermediate(constraints=_constraints(permitted=("corp.test",))), root()),
        LEAF,
        "name constraints",
        "may sign for them",
        GOOD,
    ),
    "names that the intermediate excludes": Mistake(
        lambda: (leaf() + intermediate(constraints=_constraints(excluded=("example.com",))), root()),
        LEAF,
        "name constraints",
        "may sign for them",
        GOOD,
    ),
    "names outside the root's": Mistake(
        lambda: (leaf() + intermediate(), root(constraints=_constraints(permitted=("corp.test",)))),
        ROOT,
        "name constraints",
        "may sign for them",
        GOOD,
    ),
    "a further name outside the root's": Mistake(
        lambda: (leaf(hosts=(*HOSTS, "portus.other.org")) + intermediate(), root(constraints=_constraints(permitted=("example.com",)))),
        ROOT,
        "portus.other.org",
        "without these names",
        lambda: (leaf() + intermediate(), root(constraints=_constraints(permitted=("example.com",)))),
    ),
    "for clients alone": Mistake(
        lambda: (leaf(uses=[CLIENT]) + intermediate(), root()),
        LEAF,
        "clientAuth, without serverAuth",
        "serverAuth",
        lambda: (leaf(uses=[CLIENT, SERVER]) + intermediate(), root()),
    ),
    "for any use": Mistake(
        lambda: (leaf(uses=[ANY]) + intermediate(), root()), LEAF, "is anyExtendedKeyUsage, without serverAuth", "serverAuth", GOOD
    ),
    "for signing lists alone": Mistake(
        lambda: (leaf(usage=["crl_sign"]) + intermediate(), root()),
        LEAF,
        "digitalSignature",
        "ask the CA",
        lambda: (leaf(usage=["digital_signature", "key_encipherment"]) + intermediate(), root()),
    ),
    "a certificate too many": Mistake(
        lambda: (leaf() + intermediate() + made("Other", by="Other", of="other", signer="other"), root()),
        LEAF,
        "only the server's certificate and its issuers",
        "remove CN=Other",
        GOOD,
        openssl=True,
    ),
    "names no host": Mistake(
        lambda: (leaf(hosts=()) + intermediate(), root()), LEAF, f"must name {HOSTS[0]} and {HOSTS[1]}", "every host of the stack", GOOD
    ),
    "names one host of two": Mistake(
        lambda: (leaf(hosts=HOSTS[:1]) + intermediate(), root()), LEAF, f"must name {HOSTS[1]}", "every host of the stack", GOOD
    ),
    "no root at all": Mistake(lambda: (leaf() + intermediate(), None), ROOT, "must be set", "CN=Root", GOOD),
}


@pytest.mark.parametrize("source", [provided, lambda chain, authority: existing(provided(chain, authority))], ids=["provided", "existing"])
@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_path_is_one_problem_and_its_fix_works(mistake: Mistake, source: Callable[[str, str | None], Tls]) -> None:
    problems = problems_of(source(*mistake.wrong()))
    assert [problem.key for problem in problems] == [mistake.key], problems
    assert mistake.rule in problems[0].rule
    assert mistake.fix in problems[0].fix
    assert problems_of(source(*mistake.right())) == ()


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_openssl_refuses_what_is_refused(mistake: Mistake) -> None:
    chain, authority = mistake.wrong()
    if authority is not None:
        assert is_trusted_by_openssl(chain, KEY, authority) is mistake.openssl
        right, trusted = mistake.right()
        assert trusted is not None
        assert is_trusted_by_openssl(right, KEY, trusted)


ORDERS: Mapping[str, Callable[[], tuple[str, str | None]]] = {
    "backwards": lambda: (intermediate() + leaf(), root()),
    "root first": lambda: (root() + intermediate() + leaf(), None),
    "root before the intermediate": lambda: (leaf() + root() + intermediate(), None),
    "two intermediates exchanged": lambda: (_by_issuing() + intermediate() + _issuing(), root()),
    "backwards, with another CA's in between": lambda: (
        intermediate() + made("Other", by="Fourth", of="other", signer="other") + leaf(),
        root(),
    ),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_a_wrong_order_is_one_problem_that_gives_the_right_one(order: Callable[[], tuple[str, str | None]]) -> None:
    chain, authority = order()
    (problem,) = problems_of(provided(chain, authority))
    assert problem.key == LEAF
    names = problem.fix.partition("in this order: ")[2].partition(";")[0].split(", then ")
    blocks = {x509.load_pem_x509_certificate(one.encode()).subject.rfc4514_string(): one for one in _blocks(chain)}
    right = "".join(blocks[name] for name in names)
    assert problems_of(provided(right, authority)) == ()
    assert is_trusted_by_openssl(right, KEY, authority or root())


def _blocks(chain: str) -> list[str]:
    end = "-----END CERTIFICATE-----\n"
    return [part + end for part in chain.split(end) if part]


AUTHORITIES_ALONE: Mapping[str, Callable[[], Tls]] = {
    "the root": lambda: provided(root(), root()),
    "the root with the server's key": lambda: provided(root()),
    "the root with its own key": lambda: provided(root(), None, private("root")),
    "intermediate and root": lambda: provided(intermediate() + root()),
    "the intermediate, of an existing Secret": lambda: existing(provided(intermediate(), root())),
}


@pytest.mark.parametrize("tls", AUTHORITIES_ALONE.values(), ids=AUTHORITIES_ALONE)
def test_a_ca_alone_is_one_problem(tls: Callable[[], Tls]) -> None:
    (problem,) = problems_of(tls())
    assert (problem.key, problem.rule) == (LEAF, "must begin with the server's certificate; this is a CA's certificate")
    assert HOSTS[0] in problem.fix


def _cross(days: tuple[int, int] = (-1, 365)) -> str:
    return made("Root", by="Old", of="root", signer="old", days=days)


@cache
def _self_signed() -> str:
    return leaf(by="portus.example.com", signer="server")


ACCEPTED: Mapping[str, Callable[[], tuple[str, str]]] = {
    "plain": GOOD,
    "root at the end of the chain, too": lambda: (leaf() + intermediate() + root(), root()),
    "cross-signed, the new root trusted": lambda: (leaf() + intermediate() + _cross(), root()),
    "cross-signed, the old root trusted": lambda: (leaf() + intermediate() + _cross(), made("Old", by="Old", of="old", signer="old")),
    "cross-signature that has ended, the new root trusted": lambda: (leaf() + intermediate() + _cross(days=(-99, -1)), root()),
    "intermediate signed by two roots": lambda: (leaf() + intermediate() + intermediate(by="Old", signer="old"), root()),
    "two intermediates": lambda: (_by_issuing() + _issuing() + intermediate(), root()),
    "root signed with SHA-1, as many public ones": lambda: (leaf() + intermediate(), by_sha1(root(), "root")),
    "root with an EC key": lambda: (leaf(by="Root", signer="ec"), root(of="ec", signer="ec")),
    "without basicConstraints of the server": lambda: (leaf(ca=None) + intermediate(), root()),
    "wildcard": lambda: (leaf(hosts=("*.example.com",)) + intermediate(), root()),
    "names within the constraints": lambda: (leaf() + intermediate(constraints=_constraints(permitted=("example.com",))), root()),
    "names within constraints with a dot": lambda: (leaf() + intermediate(constraints=_constraints(permitted=(".example.com",))), root()),
    "self-signed server, given twice": lambda: (_self_signed(), _self_signed()),
}


@pytest.mark.parametrize("chain", ACCEPTED.values(), ids=ACCEPTED)
def test_what_clients_verify_is_accepted(chain: Callable[[], tuple[str, str]]) -> None:
    certificate, authority = chain()
    assert is_trusted_by_openssl(certificate, KEY, authority)
    assert problems_of(provided(certificate, authority)) == ()
    assert problems_of(existing(provided(certificate, authority))) == ()


def test_a_self_signed_server_is_its_own_root() -> None:
    alone = leaf(by="portus.example.com", signer="server", ca=True)
    assert problems_of(provided(alone)) == ()
    assert is_trusted_by_openssl(alone, KEY, alone)


def test_the_intermediate_that_openssl_tries_first_must_lead_to_the_root() -> None:
    """It does not come back from a wrong turn, unlike Go and the verifier."""
    old, new = intermediate(by="Old", signer="old"), intermediate()
    assert not is_trusted_by_openssl(leaf() + old + new, KEY, root())
    (problem,) = problems_of(provided(leaf() + old + new, root()))
    assert "in this order" in problem.fix
    assert problems_of(provided(leaf() + new + old, root())) == ()


FURTHER: Mapping[str, tuple[Callable[[], str], str, Callable[[], list[str]]]] = {
    "ended": (lambda: root(days=(-99, -1)), "it ended at", lambda: [root()]),
    "of the future": (lambda: root(days=(9, 99)), "it begins at", lambda: [root()]),
    "weak": (lambda: root(of="short-root", signer="short-root"), "RSA of 1024 bits", lambda: [root()]),
    "a server's": (leaf, "must be a CA's certificate", lambda: [root(), intermediate()]),
    "an intermediate alone": (intermediate, "must be a root, or have its root beside it", lambda: [intermediate(), root()]),
    "two in one": (lambda: root() + intermediate(), "must be one certificate", lambda: [root(), intermediate()]),
}


@pytest.mark.parametrize(("wrong", "rule", "right"), FURTHER.values(), ids=FURTHER)
def test_a_further_authority_that_nobody_could_use_is_refused(wrong: Callable[[], str], rule: str, right: Callable[[], list[str]]) -> None:
    (problem,) = problems_of({"source": "self_signed", "extraCaCertificates": [wrong()]})
    assert problem.key == "tls.extraCaCertificates[0]"
    assert rule in problem.rule
    assert problems_of({"source": "self_signed", "extraCaCertificates": right()}) == ()


def test_a_server_may_be_its_own_authority() -> None:
    """As of a directory whose certificate nobody has signed."""
    own = made("ldap.example.com", by="ldap.example.com", of="other", signer="other", ca=False, hosts=("ldap.example.com",))
    assert problems_of({"source": "self_signed", "extraCaCertificates": [own]}) == ()


@pytest.mark.parametrize("days", [(-99, -1), (9, 99)], ids=["ended", "future"])
def test_the_root_of_an_acme_issuer_is_checked_as_any_other(days: tuple[int, int]) -> None:
    tls = {"source": "cert_manager", "certificate": {"issuerRef": {"name": "letsencrypt"}}}
    assert [problem.key for problem in problems_of({**tls, "caCertificate": root(days=days)})] == [ROOT]
    assert [problem.key for problem in problems_of({**tls, "caCertificate": intermediate()})] == [ROOT]
    assert problems_of({**tls, "caCertificate": root()}) == ()


def test_an_authority_of_redis_that_has_ended_is_refused() -> None:
    def redis(rootcas: str) -> Any:
        return {"version": "3.1", "redis": {"kind": "external", "addr": "redis.example.com:6380", "tls": {"rootcas": rootcas}}}

    own = {"source": "self_signed"}
    for wrong in (root(days=(-99, -1)), root(days=(9, 99)), root(of="short-root", signer="short-root")):
        (problem,) = problems_of(own, registry=redis(wrong))
        assert problem.key == "registry.redis.tls.rootcas"
    assert problems_of(own, registry=redis(root() + intermediate())) == ()
