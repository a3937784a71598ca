"""The first set-up's scripts keep passwords out of arguments."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[3] / "components" / "portus" / "scripts"

PROVE = """set -eu
fail() { echo "failed: $1"; exit 1; }
said() { cat "$WORK/answer"; }
status_of() { echo "$@" >>"$WORK/asked"; cp "$WORK/token" "$WORK/answer"; echo 200; }
printf '{"token": "head.%s.tail"}' "$(printf '{"access": [{"type": "registry"}]}' | base64 | tr -d '=\\n' | tr '+/' '-_')" >"$WORK/token"
. "$SCRIPTS/prove.sh"
"""


def test_the_password_of_portus_own_user_reaches_curl_by_a_file_that_only_the_user_reads(tmp_path: Path) -> None:
    password = "own-users-password"
    (tmp_path / "portus-password").write_text(password)
    environment = {
        "PATH": "/usr/bin:/bin",
        "SCRIPTS": str(SCRIPTS),
        "FILES": str(tmp_path),
        "WORK": str(tmp_path),
        "PORTUS_URL": "https://portus.example.com:8443",
        "PORTUS_HOST": "portus.example.com",
        "REGISTRY": "registry.example.com",
        "REGISTRY_URL": "https://registry.example.com",
    }
    done = subprocess.run(["/bin/sh", "-c", PROVE], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    netrc = tmp_path / "netrc"
    assert netrc.read_text() == f"machine portus.example.com login portus password {password}\n"
    assert stat.S_IMODE(netrc.stat().st_mode) == 0o600
    asked = (tmp_path / "asked").read_text()
    assert f"--netrc-file {netrc}" in asked
    assert password not in asked + done.stdout + done.stderr
