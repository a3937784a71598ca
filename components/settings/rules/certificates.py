"""Whether a certificate can serve this stack, checked before anything is created: one problem for each mistake.

``cryptography`` is imported inside, so that stacks which bring no certificate do not pay for it in time and memory.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from components.settings.report.problems import HIDDEN, Problem
from components.settings.rules import x509_facts as facts
from components.settings.rules.certificate_path import CHAIN, ROOT, Chain, path_problems, walked
from components.settings.sections.tls import ExistingSecretTls, ProvidedTls
from components.settings.types.sealed import is_sealed

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

RSA_ONLY: Final = "an RSA key: Portus signs the registry's tokens with it and supports no other kind"
RSA_FIX: Final = "ask for an RSA certificate (certbot: --key-type rsa; cert-manager: privateKey.algorithm RSA)"

_NEVER: Final = dt.timedelta()


def certificate_problems(tls: ProvidedTls | ExistingSecretTls, *, hosts: tuple[str, ...]) -> Iterator[Problem]:
    """Yield what is wrong with the certificate, the key and the path to the root for serving ``hosts``."""
    written = tuple(facts.certificates(tls.certificate))
    key = _load_key(tls.private_key.get_secret_value()) if isinstance(tls, ProvidedTls) and not is_sealed(tls.private_key) else None
    leaf = _leaf(written, hosts, key)
    if leaf is None:
        swapped = are_swapped(tls.certificate, tls.ca_certificate)
        yield _in_place_of_the_root(written[0]) if swapped else _authority_alone(written, hosts)
        return
    chain = Chain(leaf, tuple(one for one in written if one != leaf), written)
    if key is not None:
        yield from _key_problems(key, leaf)
    elif isinstance(tls, ProvidedTls) or not tls.signs_separately:
        yield from _signer_problems(CHAIN, leaf)
    elif weak := facts.weak_key(leaf):
        yield Problem(
            key=CHAIN,
            value=facts.name(leaf),
            rule=f"must have an RSA key of 2048 bits or more, or an EC key of 256; it has {weak}",
            fix="ask the CA for one with a stronger key",
        )
    yield from _name_problems(leaf, hosts)
    yield from _trust_problems(chain, tls.ca_certificate, hosts)


def _leaf(written: Sequence[x509.Certificate], hosts: Sequence[str], key: PrivateKeyTypes | str | None) -> x509.Certificate | None:
    """Return the server's certificate at any position: by its key, else by its names; None if every one is a CA's."""
    if key is not None and not isinstance(key, str):
        of_key = next((one for one in written if one.public_key() == key.public_key()), None)
        if of_key is not None and not (facts.is_ca(of_key) and not facts.dns_names(of_key)):
            return of_key
    named = (one for one in written if any(facts.covers(name, host) for name in facts.dns_names(one) for host in hosts))
    servers = (one for one in written if not _signs_another(one, written) and not (facts.is_ca(one) and not facts.dns_names(one)))
    return next(named, None) or next(servers, None)


def _signs_another(one: x509.Certificate, written: Sequence[x509.Certificate]) -> bool:
    return any(facts.has_signed(one, other) for other in written if other != one)


def are_swapped(served: str, authority: str | None) -> bool:
    """Whether ``tls.certificate`` holds authorities alone, and ``tls.caCertificate`` a server's certificate."""
    if authority is None or not all(map(facts.is_ca, facts.certificates(served))):
        return False
    return any(not facts.is_ca(one) and facts.dns_names(one) for one in facts.certificates(authority))


def _in_place_of_the_root(root: x509.Certificate) -> Problem:
    rule = "must be the server's certificate, and caCertificate its root: they are swapped"
    return Problem(key=CHAIN, value=facts.name(root), rule=rule, fix="swap certificate and caCertificate")


def _authority_alone(written: Sequence[x509.Certificate], hosts: Sequence[str]) -> Problem:
    return Problem(
        key=CHAIN,
        value=facts.name(written[0]),
        rule="must begin with the server's certificate; this is a CA's certificate",
        fix=f"put the certificate that the CA made for {hosts[0]} before it; only a root belongs in tls.caCertificate",
    )


def _key_problems(key: PrivateKeyTypes | str, leaf: x509.Certificate) -> Iterator[Problem]:
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    if isinstance(key, str):
        yield Problem(key="tls.privateKey", value=HIDDEN, rule="must be a readable private key without a passphrase", fix=key)
    elif leaf.public_key() != key.public_key():
        yield Problem(
            key="tls.privateKey",
            value=HIDDEN,
            rule=f"must be the key of tls.certificate ({facts.name(leaf)})",
            fix="give the key that the certificate was made for, or the certificate of this key",
        )
    elif not isinstance(key, rsa.RSAPrivateKey):
        yield Problem(key="tls.privateKey", value=HIDDEN, rule=f"must be {RSA_ONLY}", fix=RSA_FIX)
    elif key.key_size < facts.MINIMUM_RSA_BITS:
        yield Problem(
            key="tls.privateKey",
            value=HIDDEN,
            rule=f"must have {facts.MINIMUM_RSA_BITS} bits or more, not {key.key_size}",
            fix="generate a longer key, and ask the CA for a certificate for it",
        )


def _load_key(pem: str) -> PrivateKeyTypes | str:
    """Return the key, or how to make one of ``pem`` that can be read."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        return load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        return "remove the passphrase: openssl rsa -in encrypted.key -out plain.key"
    except (ValueError, UnsupportedAlgorithm):
        return "give the whole PEM file, from BEGIN to END"


def _name_problems(leaf: x509.Certificate, hosts: tuple[str, ...]) -> Iterator[Problem]:
    """Yield one problem for all hosts that the certificate is not for."""
    names = facts.dns_names(leaf)
    missing = [host for host in dict.fromkeys(hosts) if not any(facts.covers(name, host) for name in names)]
    if missing:
        yield Problem(
            key=CHAIN,
            value=facts.name(leaf),
            rule=f"must name {' and '.join(missing)} as subject alternative name; it names {', '.join(names) or 'none'}",
            fix="ask for a certificate with every host of the stack (the subject's common name no longer counts)",
        )


def _trust_problems(chain: Chain, authority: str | None, hosts: Sequence[str]) -> Iterator[Problem]:
    roots = facts.certificates(authority) if authority is not None else [one for one in chain.written if facts.is_self_issued(one)]
    if not roots:
        yield from _path_periods(walked(chain, ()).steps)
        top = walked(chain, ()).steps[-1]
        yield Problem(
            key=ROOT,
            value="",
            rule="must be set unless tls.certificate ends with its root: the front proxy uses it to verify Portus and the registry",
            fix=f"give the certificate of {facts.issuer(top)}; for a public CA add publiclyTrusted: true",
        )
        return
    walk = walked(chain, roots)
    key = ROOT if authority is not None else CHAIN
    flaws = list(_path_periods(walk.steps))
    yield from flaws
    of_root = list(_root_problems(key, walk.anchor)) if walk.anchor is not None and walk.anchor != chain.leaf else []
    if authority is None:  # else root_problems reports it
        yield from of_root
    no_root = authority is not None and walk.anchor is None and not any(map(facts.is_self_issued, roots))
    found = path_problems(chain, walk, roots, hosts, root_key=key, sound=not flaws and not of_root)
    yield from (problem for problem in found if not (no_root and problem.key == ROOT))  # root_problems says already that it is no root


def _path_periods(steps: Sequence[x509.Certificate]) -> Iterator[Problem]:
    for one in steps:
        for rule, fix in facts.period_rules(one, ahead=facts.RENEWAL_WARNING):
            yield Problem(key=CHAIN, value=facts.name(one), rule=rule, fix=fix)


def root_problems(key: str, authority: str, served: str | None = None) -> Iterator[Problem]:
    """Yield what is wrong with the one root by which the stack's servers trust each other.

    Args:
        served: ``tls.certificate``, where the stack file holds it: a server that has signed itself is trusted without being a CA.
    """
    found = facts.certificates(authority)
    if len(found) > 1:
        yield Problem(
            key=key,
            value="",
            rule="must be one certificate, because Portus' system trusts only the first one in a file",
            fix="keep the root that signed the certificate; move others to tls.extraCaCertificates",
        )
    elif served is not None and found == facts.certificates(served):
        yield from bundle_problems(key, found)
    else:
        yield from _root_problems(key, found[0], facts.certificates(served) if served else ())


def _no_root(key: str, given: x509.Certificate, beside: Sequence[x509.Certificate]) -> Problem:
    """Return the problem of a certificate that another one signed; the fix follows the issuers as far as ``beside`` knows them."""
    name, top = facts.name(given), given
    for _ in beside:
        top = next((one for one in beside if facts.has_signed(one, top) and not facts.is_self_issued(one)), top)
    what = "OpenSSL does not trust this intermediate, which" if facts.is_ca(given) else "this is a server's certificate, which"
    move = "" if given in beside else f"; move {name} to tls.certificate, after the server's"
    return Problem(
        key=key,
        value=name,
        rule=f"must be a root: {what} {facts.issuer(given)} signed",
        fix=f"give the certificate of {facts.issuer(top)} here{move}",
    )


def _root_problems(key: str, root: x509.Certificate, beside: Sequence[x509.Certificate] = ()) -> Iterator[Problem]:
    name = facts.name(root)
    if not facts.is_self_issued(root):
        yield _no_root(key, root, beside)
    elif not facts.has_signed(root, root):
        yield Problem(
            key=key,
            value=name,
            rule="must be signed with its own key, as a root is; this one is damaged",
            fix="give the CA's own copy of its root",
        )
    elif not facts.is_ca(root):
        yield Problem(
            key=key,
            value=name,
            rule="must be a CA's certificate; its basicConstraints lack CA:TRUE",
            fix="give the CA's root, or create one with basicConstraints CA:TRUE",
        )
    elif not facts.may_sign_certificates(root):
        yield Problem(
            key=key,
            value=name,
            rule="must be allowed to sign certificates; its key usage lacks keyCertSign",
            fix="give the CA's root with key usage keyCertSign",
        )
    elif not facts.is_for_servers(root):
        yield Problem(
            key=key,
            value=name,
            rule="must be allowed to sign for servers; its extended key usage lacks serverAuth",
            fix="give a root without extended key usage, or with serverAuth",
        )
    if weak := facts.weak_key(root):
        yield Problem(
            key=key,
            value=name,
            rule=f"must have an RSA key of 2048 bits or more, or an EC key of 256; it has {weak}",
            fix="create a CA with a stronger key, and let it sign the certificate",
        )
    for rule, _ in facts.period_rules(root, ahead=facts.RENEWAL_WARNING):
        yield Problem(key=key, value=name, rule=rule, fix=f"give the root of {name} that is in use today")


def authority_problems(key: str, authorities: Sequence[str], further: Sequence[str] = ()) -> Iterator[Problem]:
    """Yield what is wrong with CA certificates that Pods trust in addition; each text has one.

    Args:
        further: PEM texts of certificates that are trusted as well, so that an intermediate may rest on them.
    """
    known = [one for text in (*authorities, *further) for one in facts.certificates(text)]
    for number, text in enumerate(authorities):
        found, name = facts.certificates(text), f"{key}[{number}]"
        if len(found) > 1:
            yield Problem(
                key=name,
                value="",
                rule="must be one certificate, because Portus' system trusts only the first one in a file",
                fix="write each as an entry of its own",
            )
        else:
            yield from _further_problems(name, found[0], known)


def _further_problems(key: str, authority: x509.Certificate, known: Sequence[x509.Certificate]) -> Iterator[Problem]:
    name, issuer = facts.name(authority), facts.issuer(authority)
    if not facts.is_self_issued(authority) and not facts.is_ca(authority):
        yield Problem(
            key=key,
            value=name,
            rule="must be a CA's certificate; this is a server's certificate",
            fix=f"give the certificate of {issuer}, which signed it",
        )
    elif not facts.is_self_issued(authority) and not any(facts.has_signed(other, authority) for other in known):
        yield Problem(
            key=key,
            value=name,
            rule=f"must be a root, or have its root beside it: OpenSSL trusts no intermediate alone. {issuer} is missing",
            fix=f"add an entry with the certificate of {issuer}",
        )
    yield from bundle_problems(key, (authority,))


def bundle_problems(key: str, authorities: Sequence[x509.Certificate]) -> Iterator[Problem]:
    """Yield what keeps a client from using CA certificates as they are: weak keys, and a validity that is over or has not begun."""
    for authority in authorities:
        name = facts.name(authority)
        if weak := facts.weak_key(authority):
            yield Problem(
                key=key,
                value=name,
                rule=f"must have an RSA key of 2048 bits or more, or an EC key of 256; it has {weak}",
                fix="remove it, or give a CA with a stronger key",
            )
        for rule, _ in facts.period_rules(authority, ahead=_NEVER):
            yield Problem(key=key, value=name, rule=rule, fix=f"give the certificate of {name} that is in use today, or remove it")


def signer_problems(key: str, signers: Sequence[str]) -> Iterator[Problem]:
    """Yield what is wrong with certificates whose keys may sign tokens; the registry asks for neither their dates nor their issuers."""
    for number, text in enumerate(signers):
        found, name = facts.certificates(text), f"{key}[{number}]"
        if len(found) > 1:
            yield Problem(key=name, value="", rule="must be one certificate", fix="give only the leaf, from BEGIN to END")
        elif facts.is_ca(found[0]) and not facts.dns_names(found[0]) and not facts.is_self_issued(found[0]):
            yield Problem(
                key=name,
                value=facts.name(found[0]),
                rule="must be the certificate whose key signs tokens; this is a CA's certificate",
                fix="give only the leaf, from BEGIN to END",
            )
        else:
            yield from _signer_problems(name, found[0])


def _signer_problems(key: str, leaf: x509.Certificate) -> Iterator[Problem]:
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    public = leaf.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        yield Problem(key=key, value=facts.name(leaf), rule=f"must have {RSA_ONLY}", fix=RSA_FIX)
    elif public.key_size < facts.MINIMUM_RSA_BITS:
        yield Problem(
            key=key,
            value=facts.name(leaf),
            rule=f"must have a key of {facts.MINIMUM_RSA_BITS} bits or more, not {public.key_size}",
            fix="generate a longer key, and ask the CA for a certificate for it",
        )
