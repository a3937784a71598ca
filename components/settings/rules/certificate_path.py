"""The path from a server's certificate to its root, checked at preview as clients check it.

``cryptography``'s verifier has the last word. What it cannot distinguish, and what OpenSSL (HAProxy, Ruby) and Go judge otherwise, is
reported apart after a look at each certificate.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from components.settings.report.problems import Problem
from components.settings.rules import x509_facts as facts

if TYPE_CHECKING:
    from cryptography import x509

CHAIN: Final = "tls.certificate"
ROOT: Final = "tls.caCertificate"


@dataclass(frozen=True, slots=True)
class Chain:
    """What ``tls.certificate`` holds.

    Args:
        leaf: the server's certificate.
        others: the rest, in the file's order.
        written: all of them, in the file's order.
    """

    leaf: x509.Certificate
    others: tuple[x509.Certificate, ...]
    written: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class Walk:
    """The way from the leaf upwards.

    Args:
        steps: the leaf, and each issuer that was found.
        anchor: the root at its end, None where the way breaks off.
    """

    steps: tuple[x509.Certificate, ...]
    anchor: x509.Certificate | None

    @property
    def authorities(self) -> tuple[x509.Certificate, ...]:
        """The certificates between leaf and root."""
        return self.steps[1:]


def walked(chain: Chain, roots: Sequence[x509.Certificate]) -> Walk:
    """Return the best way: one that reaches a root where there is one, else the longest."""
    ways = list(_ways((chain.leaf,), chain.others, roots))
    return max(ways, key=lambda way: (way.anchor is not None, not any(_is_over(one) for one in way.steps), len(way.steps)))


def _is_over(certificate: x509.Certificate) -> bool:
    return any(True for _ in facts.period_rules(certificate, ahead=dt.timedelta()))


def _ways(steps: tuple[x509.Certificate, ...], others: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> Iterator[Walk]:
    last = steps[-1]
    anchor = next((root for root in roots if root == last or facts.has_signed(root, last)), None)
    if anchor is not None:
        yield Walk(tuple(step for step in steps if step != anchor or step == steps[0]), anchor)
    following = [one for one in others if one not in steps and facts.has_signed(one, last)]
    for one in following:
        yield from _ways((*steps, one), others, roots)
    if anchor is None and not following:
        yield Walk(steps, None)


def path_problems(
    chain: Chain, walk: Walk, roots: Sequence[x509.Certificate], hosts: Sequence[str], *, root_key: str, sound: bool
) -> Iterator[Problem]:
    """Yield what keeps clients that trust ``roots`` from trusting the leaf for ``hosts``.

    Args:
        walk: ``walked(chain, roots)``.
        root_key: the setting that holds ``roots``.
        sound: whether nothing is wrong with the root and with any validity; else the verifier would only repeat it.
    """
    problems = [*_order_problems(chain, walk), *_leaf_problems(chain.leaf), *_authority_problems(walk)]
    problems += _constraint_problems(walk, root_key)
    if walk.anchor is None:
        problems.append(_broken_off(walk, roots, root_key))
    yield from problems
    if sound and not problems:
        yield from _verified(walk, chain, roots, hosts)


def _told_apart(one: x509.Certificate, written: Sequence[x509.Certificate]) -> str:
    """Return the name of ``one``, with its number in the file where another one has the same name."""
    name = facts.name(one)
    alone = sum(facts.name(other) == name for other in written) == 1
    return name if alone else f"{name} (certificate {written.index(one) + 1} of {len(written)})"


def _order_problems(chain: Chain, walk: Walk) -> Iterator[Problem]:
    """Yield one problem if the leaf is not first, or an issuer is before what it has signed, or a certificate signs nothing."""
    useful = [
        one for one in chain.others if one in walk.steps or any(facts.has_signed(one, other) for other in chain.written if other != one)
    ]
    unrelated = [one for one in chain.others if one not in useful]
    right = [*walk.steps, *(one for one in useful if one not in walk.steps)]
    kept = [one for one in chain.written if one not in unrelated]
    if not _is_in_order(chain, walk, kept):
        order = ", then ".join(facts.name(one) for one in right)
        remove = "".join(f"; remove {_told_apart(one, chain.written)}" for one in unrelated if not facts.is_self_issued(one))
        yield Problem(
            key=CHAIN,
            value="",
            rule="must begin with the server's certificate, and every other one must follow a certificate that it signed",
            fix=f"write them in this order: {order}{remove}",
        )
    elif unrelated and walk.anchor is not None:
        yield Problem(
            key=CHAIN,
            value=facts.name(unrelated[0]),
            rule="must have only the server's certificate and its issuers",
            fix=f"remove {', '.join(_told_apart(one, chain.written) for one in unrelated)}, which signed none of the others",
        )


def _is_in_order(chain: Chain, walk: Walk, kept: Sequence[x509.Certificate]) -> bool:
    if kept[0] != chain.leaf:
        return False
    grows = all(any(facts.has_signed(one, before) for before in kept[:number]) for number, one in enumerate(kept) if number)
    return grows and (walk.anchor is None or _openssl_arrives(kept, walk.anchor))


def _openssl_arrives(kept: Sequence[x509.Certificate], anchor: x509.Certificate) -> bool:
    """Whether OpenSSL, which tries the first certificate of the issuer's name alone, arrives at ``anchor``."""
    last, seen = kept[0], [kept[0]]
    while last != anchor and not facts.may_have_issued(anchor, last):
        following = next((one for one in kept if one not in seen and facts.may_have_issued(one, last)), None)
        if following is None:
            return False
        seen.append(last := following)
    return True


def _leaf_problems(leaf: x509.Certificate) -> Iterator[Problem]:
    if not facts.is_for_servers(leaf):
        uses = ", ".join(facts.purposes(leaf) or ())
        yield _of(leaf, f"must be for servers: its extended key usage is {uses}, without serverAuth", "ask the CA for one with serverAuth")
    if not facts.may_serve_tls(leaf):
        yield _of(leaf, "must be for TLS: its key usage has neither digitalSignature nor keyEncipherment", "ask the CA for one with both")
    yield from _signature_problems(leaf)


def _authority_problems(walk: Walk) -> Iterator[Problem]:
    for position, one in enumerate(walk.authorities):
        if not facts.is_ca(one):
            yield _of(
                one,
                f"must be a CA's certificate, because it signed {facts.name(walk.steps[position])}; its basicConstraints lack CA:TRUE",
                "ask the CA for its issuing certificate with CA:TRUE, and use that one instead",
            )
        elif not facts.may_sign_certificates(one):
            yield _of(
                one,
                "must be allowed to sign certificates; its key usage lacks keyCertSign",
                "ask the CA for an issuing certificate with it",
            )
        elif not facts.is_for_servers(one):
            yield _of(one, "must be allowed to sign for servers; its extended key usage lacks serverAuth", "ask the CA for one with it")
        if weak := facts.weak_key(one):
            yield _of(
                one, f"must have an RSA key of 2048 bits or more, or an EC key of 256; it has {weak}", "ask the CA for a stronger one"
            )
        yield from _signature_problems(one)
    for position, one in enumerate((*walk.authorities, *((walk.anchor,) if walk.anchor is not None else ()))):
        longest = _path_length(one)
        if longest is not None and position > longest:
            yield _of(
                walk.steps[position],
                f"must be a server's certificate: {facts.name(one)} allows {longest} CAs below it (pathLenConstraint)",
                "ask the CA for a chain that its root allows",
            )
            break


def _path_length(authority: x509.Certificate) -> int | None:
    from cryptography import x509  # noqa: PLC0415 - only stacks that bring a certificate pay for it

    constraints = facts.extension(authority, x509.BasicConstraints)
    return None if constraints is None else constraints.path_length


def _signature_problems(certificate: x509.Certificate) -> Iterator[Problem]:
    """Clients do not check a root's own signature, so many good roots have one by SHA-1."""
    if not facts.is_self_issued(certificate) and (weak := facts.weak_signature(certificate)):
        yield _of(certificate, f"must be signed with SHA-256, SHA-384 or SHA-512; it is signed with {weak}", facts.RENEW)


def _constraint_problems(walk: Walk, root_key: str) -> Iterator[Problem]:
    names = facts.dns_names(walk.steps[0])
    for one in (*walk.authorities, *((walk.anchor,) if walk.anchor is not None else ())):
        if refused := facts.refused_names(one, names):
            is_root = one == walk.anchor
            yield Problem(
                key=root_key if is_root else CHAIN,
                value=facts.name(one),
                rule=f"must be allowed by its name constraints to sign for {', '.join(refused)}",
                fix="ask for a certificate without these names, or one from a CA that may sign for them",
            )


def _broken_off(walk: Walk, roots: Sequence[x509.Certificate], root_key: str) -> Problem:
    last, missing = walk.steps[-1], facts.issuer(walk.steps[-1])
    given = ", ".join(facts.name(root) for root in roots)
    if any(facts.may_have_issued(root, last) for root in roots) or any(root.subject == last.issuer for root in roots):
        return Problem(
            key=root_key,
            value=given,
            rule=f"must have signed {facts.name(last)}; it has the issuer's name, but another key",
            fix=f"give the certificate of {missing} whose key is in use",
        )
    if len(walk.steps) > 1 and root_key == ROOT:
        return Problem(
            key=ROOT,
            value=given,
            rule=f"must have signed {facts.name(last)}, the last of tls.certificate",
            fix=f"give the certificate of {missing}; if that is an intermediate, append it to tls.certificate",
        )
    return Problem(
        key=CHAIN,
        value=facts.name(last),
        rule=f"must be followed by its issuer, {missing}: clients know only the root ({given})",
        fix=f"append the certificate of {missing} to tls.certificate; if that is the root, write it as tls.caCertificate",
    )


def _verified(walk: Walk, chain: Chain, roots: Sequence[x509.Certificate], hosts: Sequence[str]) -> Iterator[Problem]:
    """Yield a problem where the verifier refuses what looked right."""
    from cryptography import x509  # noqa: PLC0415 - see _path_length
    from cryptography.x509.verification import VerificationError  # noqa: PLC0415

    anchor = walk.anchor
    if anchor is None or anchor.version is x509.Version.v1 or any(map(facts.has_dotted_constraint, (*walk.authorities, anchor))):
        return  # OpenSSL and Go take these, the verifier does not; the walk has checked signatures and names
    for host in hosts:
        if not any(facts.covers(name, host) for name in facts.dns_names(chain.leaf)):
            continue  # reported already
        try:
            _verifier(roots, host).verify(chain.leaf, list(walk.authorities))
        except VerificationError as error:
            yield Problem(
                key=CHAIN,
                value=facts.name(chain.leaf),
                rule=f"must be a certificate that clients accept for {host}; the verifier says: {str(error).partition(' (encountered')[0]}",
                fix="ask the CA for a certificate that 'openssl verify -purpose sslserver' accepts with its root",
            )
            return


def _verifier(roots: Sequence[x509.Certificate], host: str) -> x509.verification.ServerVerifier:
    """Return a verifier that asks for no more than OpenSSL and Go do: extensions that public CAs must write are a private one's choice."""
    from cryptography import x509  # noqa: PLC0415 - see _path_length
    from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store  # noqa: PLC0415

    authority = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    server = ExtensionPolicy.permit_all().require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    policy = PolicyBuilder().store(Store(list(roots))).time(dt.datetime.now(dt.UTC))
    return policy.extension_policies(ca_policy=authority, ee_policy=server).build_server_verifier(x509.DNSName(host))


def _of(certificate: x509.Certificate, rule: str, fix: str) -> Problem:
    return Problem(key=CHAIN, value=facts.name(certificate), rule=rule, fix=fix)
