"""The page's statement corrects the record of the registry, and the page names what the command refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from lab.images.servers import Database, fresh_mariadb
from ops.paths import ROOT
from tests.ops.export.test_records import VERSIONS, filled

PAGE = (ROOT / "docs" / "operate" / "adopt.md").read_text(encoding="utf-8")
(STATEMENT,) = re.findall(r"^    (UPDATE registries .+;)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with fresh_mariadb() as database:
        yield database


@pytest.mark.images
@pytest.mark.parametrize("version", VERSIONS)
def test_the_statement_of_the_page_corrects_the_record(server: Database, version: str) -> None:
    column = "external_hostname = 'registry.example.com', "
    assert column in STATEMENT
    with filled(server, version) as rows:
        rows("UPDATE registries SET hostname = 'old.example.com', use_ssl = 0")
        rows(STATEMENT.replace(column, "") if version == "2.0" else STATEMENT)
        names = "hostname" if version == "2.0" else "hostname, external_hostname"
        found = rows(f"SELECT use_ssl, {names} FROM registries")  # noqa: S608 - of this test
    assert found == [(1, *["registry.example.com"] * len(names.split(", ")))]
