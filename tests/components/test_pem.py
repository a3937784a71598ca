"""However a PEM text was copied, what is rendered has the one form that HAProxy, Ruby (both by OpenSSL) and Go read."""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from components.common import pem
from components.settings.parse import parse
from components.settings.sections.tls import ProvidedTls
from components.settings.stack import StackSettings
from lab.images.build import build_images
from lab.images.rootfs import Bind, run
from tests.recorder import Program, run_program, texts
from tests.settings.chains import KEY, intermediate, leaf, root
from tests.settings.tables import BASE
from tests.settings.test_certificate_paths import existing, problems_of, provided

CHAIN, AUTHORITY = leaf() + intermediate(), root()
WHOLE = provided(CHAIN, AUTHORITY, KEY)

SHAPES: Mapping[str, Callable[[str], str]] = {
    "as OpenSSL writes it": lambda text: text,
    "byte-order mark": lambda text: f"\ufeff{text}",
    "zero-width space": lambda text: f"\u200b{text}",
    "one line, spaces": lambda text: text.replace("\n", " "),
    "one line, nothing between": lambda text: text.replace("\n", ""),
    "line ends written as \\n": lambda text: text.replace("\n", "\\n"),
    "line ends written as \\r\\n": lambda text: text.replace("\n", "\\r\\n"),
    "no line end between blocks": lambda text: text.replace("-----\n-----BEGIN", "----------BEGIN"),
    "no line end at the end": lambda text: text.rstrip("\n"),
    "no line end before END": lambda text: text.replace("\n-----END", "-----END"),
    "indentation": lambda text: re.sub("(?m)^", "    ", text),
    "tabs": lambda text: re.sub("(?m)^", "\t", text),
    "first line indented": lambda text: f"  {text}",
    "Windows": lambda text: text.replace("\n", "\r\n"),
    "old Macintosh": lambda text: text.replace("\n", "\r"),
    "empty lines": lambda text: text.replace("\n", "\n\n"),
    "spaces at the ends": lambda text: text.replace("\n", "  \n"),
    "unbreakable spaces": lambda text: text.replace("\n", "\u00a0\n"),
    "in quotes": lambda text: f'"{text}"',
    "text before the blocks": lambda text: f"Bag Attributes\n    friendlyName: portus\n{text}",
    "unwrapped": lambda text: re.sub(r"(?<=[A-Za-z0-9+/=])\n(?=[A-Za-z0-9+/=])", "", text),
}

READ_BY_GO = frozenset({
    "as OpenSSL writes it", "Windows", "empty lines", "spaces at the ends", "no line end at the end", "text before the blocks", "unwrapped",
})  # fmt: skip
"""Both blocks found by Go 1.25's encoding/pem, recorded once with these shapes."""


def read_by_openssl(text: str) -> int:
    """Return how many certificates OpenSSL finds in a file with ``text``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        try:
            context.load_verify_locations(cafile=file.name)
        except ssl.SSLError:
            return 0
    return context.cert_store_stats()["x509"]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_public_setting_holds_the_form_that_all_programs_read(shape: Callable[[str], str]) -> None:
    tls = {
        **provided(shape(CHAIN), shape(root()), shape(KEY)),
        "extraCaCertificates": [shape(root())],
        "additionalSigners": [shape(leaf())],
    }
    settings = _settings(tls).tls
    assert isinstance(settings, ProvidedTls)
    assert settings.certificate == CHAIN
    assert settings.private_key.get_secret_value() == KEY
    for text in (settings.ca_certificate, *settings.extra_ca_certificates, *settings.additional_signers):
        assert text is not None
        assert text == "".join(pem.certificates(text))
        assert read_by_openssl(text) == 1


@pytest.mark.parametrize("name", SHAPES)
def test_what_stands_in_another_teams_secret_is_refused_unless_openssl_and_go_read_it(name: str) -> None:
    text = SHAPES[name](CHAIN)
    readable = read_by_openssl(text) == 2 and name in READ_BY_GO
    problems = problems_of(existing(provided(text, root())))
    assert [problem.key for problem in problems] == ([] if readable else ["tls.certificate"])
    if problems:
        assert "cannot rewrite tls.crt" in problems[0].rule
        assert problems_of(existing(provided("".join(pem.certificates(text)), root()))) == ()


@pytest.mark.parametrize("name", ["byte-order mark", "one line, spaces", "no line end between blocks", "indentation", "Windows"])
def test_secrets_and_config_maps_hold_the_form_that_all_programs_read(name: str) -> None:
    assert _settings(provided(*map(SHAPES[name], (CHAIN, AUTHORITY, KEY)))) == _settings(WHOLE), "which is all that the program gets"
    program = _run(WHOLE)
    assert _served(program) == (CHAIN, KEY)
    for resource in program.all("ConfigMap"):
        for text in texts(resource.inputs):
            if "-----BEGIN" in text:
                assert text == "".join(pem.certificates(text)), resource.name


def test_a_key_file_with_its_certificates_gives_the_key_alone() -> None:
    assert problems_of(provided(CHAIN, root(), leaf() + KEY + intermediate())) == ()
    assert _settings(provided(CHAIN, AUTHORITY, leaf() + KEY)) == _settings(WHOLE)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        (KEY + KEY, "give only the key"),
        (KEY.replace("PRIVATE KEY", "OPENSSH PRIVATE KEY"), "ssh-keygen -p -m PEM"),
        ("LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSUV2Z0lCQURBTgotLS0tLUVORCBQUklWQVRFIEtFWS0tLS0tCg==", "base64 -d"),
        ("/etc/ssl/portus.key", "whole content"),
        (KEY[:200], "whole PEM file"),
        (KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), ""),
    ],
    ids=["two", "OpenSSH", "base64", "a file's name", "cut off", "encrypted"],
)
def test_a_key_that_no_program_reads_is_refused(text: str, fix: str) -> None:
    (problem,) = problems_of(provided(CHAIN, root(), text))
    assert problem.key == "tls.privateKey"
    assert fix in problem.fix


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n", "made from this request"),
        (root() + "-----BEGIN DH PARAMETERS-----\nMIIB\n-----END DH PARAMETERS-----\n", "remove the lines"),
        (root().replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "openssl x509"),
        ("-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----\n", "pkcs7 -print_certs"),
        (root()[:300], "whole content"),
        ("".join(root().splitlines()[1:-1]), "-inform DER"),
        ("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUIKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=", "base64 -d"),
    ],
    ids=["request", "parameters", "trusted", "PKCS7", "cut off", "no frame", "base64"],
)
def test_what_is_no_certificate_is_refused_with_the_way_to_one(text: str, fix: str) -> None:
    (problem,) = problems_of({"source": "self_signed", "extraCaCertificates": [text]})
    assert problem.key == "tls.extraCaCertificates[0]"
    assert fix in problem.fix
    assert "MII" not in str(problem)


def test_the_old_name_of_a_certificate_is_written_as_the_new_one() -> None:
    old = root().replace("CERTIFICATE", "X509 CERTIFICATE")
    settings = _settings({"source": "self_signed", "extraCaCertificates": [old]})
    assert settings.tls.extra_ca_certificates[0] == "".join(pem.certificates(settings.tls.extra_ca_certificates[0]))
    assert "X509" not in settings.tls.extra_ca_certificates[0]


def test_the_old_name_of_a_certificate_is_refused_in_a_secret_of_another_team() -> None:
    """OpenSSL reads it, and Go's ``tls.X509KeyPair`` skips every block that is not called CERTIFICATE."""
    old = CHAIN.replace("CERTIFICATE", "X509 CERTIFICATE")
    assert read_by_openssl(old) == 2
    (problem,) = problems_of(existing(provided(old, root())))
    assert problem.key == "tls.certificate"
    assert "reads only blocks that are called CERTIFICATE" in problem.rule
    assert problems_of(existing(provided(CHAIN, root()))) == ()


def _settings(tls: Mapping[str, Any]) -> StackSettings:
    return parse({**BASE, "tls": tls}, file="stack.yaml", encrypted=lambda _: True)


def _served(program: Program) -> tuple[str, ...]:
    data = program.one("Secret", "served-tls-certificate").inputs["data"]
    return tuple(base64.b64decode(data[name]).decode() for name in ("tls.crt", "tls.key"))


def _run(tls: Mapping[str, Any]) -> Program:
    configuration = {f"portus:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in {**BASE, "tls": tls}.items()}
    with mock.patch.dict(os.environ, {"PULUMI_CONFIG_SECRET_KEYS": json.dumps(["portus:tls"])}):
        return run_program("pem", configuration)


# A real haproxy reads what the settings make of a PEM text, however it was copied.


CONFIGURATION = """
defaults
    mode http
    timeout client 1s
    timeout server 1s
    timeout connect 1s
frontend clients
    bind 127.0.0.1:8443 ssl crt /pem/edge.pem
    default_backend servers
backend servers
    server one 127.0.0.1:8444 ssl verify required ca-file /pem/ca.crt
"""


def _accepts(folder: Path, chain: str, key: str, authority: str) -> bool:
    texts = {"edge.pem": chain, "edge.pem.key": key, "ca.crt": authority, "haproxy.cfg": CONFIGURATION}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
        (folder / name).chmod(0o644)
    folder.chmod(0o755)
    (image,) = build_images(["haproxy-lab"])
    container = image.container(binds=[Bind(source=folder, target="/pem", read_only=True)])
    return run(container, ["haproxy", "-c", "-f", "/pem/haproxy.cfg"]).returncode == 0


@pytest.mark.images
def test_haproxy_reads_every_text_that_the_settings_have_rewritten(tmp_path: Path) -> None:
    for name, shape in SHAPES.items():
        tls = provided(shape(CHAIN), shape(root()), shape(KEY))
        settings = _settings(tls).tls
        assert isinstance(settings, ProvidedTls)
        authority = settings.ca_certificate or ""
        assert _accepts(tmp_path, settings.certificate, settings.private_key.get_secret_value(), authority), name


@pytest.mark.images
@pytest.mark.parametrize("name", ["one line, spaces", "indentation", "no line end between blocks"])
def test_haproxy_does_not_read_them_as_they_were_copied(name: str, tmp_path: Path) -> None:
    assert _accepts(tmp_path, CHAIN, KEY, root())
    assert not _accepts(tmp_path, SHAPES[name](CHAIN), KEY, root())
