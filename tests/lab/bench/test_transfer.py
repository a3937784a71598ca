"""The bench's layers really move: pushed and pulled with curl, to a bare registry with the stack's certificate."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.bench import transfer
from ops.deployment import Deployment
from ops.errors import LabError
from tests.components.exposure.stage import REGISTRY, certificate, private_key

pytestmark = pytest.mark.images


def test_a_layer_is_pushed_and_pulled_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "LAYER_BYTES", 3 << 20)
    served = {"tls.crt": certificate("bench", issuer="Root", hosts=(REGISTRY,)), "tls.key": private_key("bench")}
    monkeypatch.setattr(transfer, "_certificate", lambda _: served)
    outputs = {"ca_certificate": certificate("Root", issuer="Root"), "registry_host": REGISTRY}
    deployment = Deployment(stack="bench", outputs=outputs, kubeconfig=tmp_path / "none")
    with transfer._bare(deployment, tmp_path) as bare:
        digest = transfer._layer(tmp_path / "layer")
        assert bare.push(tmp_path / "layer", digest) > 0
        assert bare.pull(digest) > 0
        with pytest.raises(LabError, match="curl cannot move"):
            bare.pull(f"sha256:{'0' * 64}")
        monkeypatch.setattr(transfer, "LAYER_BYTES", 4 << 20)
        with pytest.raises(LabError, match=r"of \d+ bytes came back|bytes came back"):
            bare.pull(digest)
