"""A real haproxy reads what the settings make of a PEM text, however it was copied."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.settings.parse import parse
from components.settings.sections.tls import ProvidedTls
from lab.images.build import build_images
from lab.images.rootfs import Bind, run
from tests.components.test_pem import CHAIN, SHAPES
from tests.settings.chains import KEY, root
from tests.settings.test_certificate_paths import BASE, provided

pytestmark = pytest.mark.images

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


def test_haproxy_reads_every_text_that_the_settings_have_rewritten(tmp_path: Path) -> None:
    for name, shape in SHAPES.items():
        tls = provided(shape(CHAIN), shape(root()), shape(KEY))
        settings = parse({**BASE, "tls": tls}, file="stack.yaml", encrypted=lambda _: True).tls
        assert isinstance(settings, ProvidedTls)
        authority = settings.ca_certificate or ""
        assert _accepts(tmp_path, settings.certificate, settings.private_key.get_secret_value(), authority), name


@pytest.mark.parametrize("name", ["one line, spaces", "indentation", "no line end between blocks"])
def test_haproxy_does_not_read_them_as_they_were_copied(name: str, tmp_path: Path) -> None:
    assert _accepts(tmp_path, CHAIN, KEY, root())
    assert not _accepts(tmp_path, SHAPES[name](CHAIN), KEY, root())
