"""The rows of ``tables``, kind by kind."""

from __future__ import annotations

from tests.settings.kinds.directory import filters, ports
from tests.settings.kinds.fixes import fixes
from tests.settings.kinds.messages import secrets, shapes, strangers, versions
from tests.settings.kinds.names import names
from tests.settings.kinds.proxy import proxies
from tests.settings.kinds.stores import stores
from tests.settings.kinds.workloads import files, images, sizes

ROWS = [
    *filters(),
    *ports(),
    *stores(),
    *proxies(),
    *sizes(),
    *images(),
    *files(),
    *names(),
    *shapes(),
    *secrets(),
    *versions(),
    *strangers(),
    *fixes(),
]
