"""What the settings' tests share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from unittest import mock

import pytest

from components.settings.rules import certificates


@pytest.fixture(autouse=True, scope="session")
def _one_look_at_each_key() -> Iterator[None]:
    """OpenSSL takes 50 ms to look whether an RSA key is one; the texts are the same in each parse."""
    with mock.patch.object(certificates, "_load_key", cache(certificates._load_key)):
        yield
