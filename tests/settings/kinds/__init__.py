"""The rows of ``tables``, kind by kind."""

from __future__ import annotations

from tests.settings.kinds.keys import (
    addresses,
    charts,
    joined,
    of_other_versions,
    opposites,
    servers_of_drivers,
    strangers,
    synonyms,
    unsaid,
    words,
)
from tests.settings.kinds.messages import names, secrets, shapes, times, versions
from tests.settings.kinds.sections import files, filters, images, ports, proxies, sizes, sources, stars
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
    *opposites(),
    *synonyms(),
    *times(),
    *sources(),
    *stars(),
    *charts(),
    *unsaid(),
    *servers_of_drivers(),
    *of_other_versions(),
    *addresses(),
]
