"""The rows of ``tables``, kind by kind."""

from __future__ import annotations

from tests.settings.kinds.keys import charts, joined, strangers, unsaid, words
from tests.settings.kinds.messages import names, secrets, shapes, versions
from tests.settings.kinds.sections import files, filters, images, ports, proxies, sizes
from tests.settings.kinds.stores import fixes, stores

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
    *words(),
    *joined(),
    *charts(),
    *unsaid(),
]
