"""A contract double of Portus: it answers a deployment as the genuine Portus was observed to answer, and is not Portus.

Written from the recordings in ``tests/lab/portus_double/recordings`` and from ``portus-images.md``; where those are silent, from
what the public sources of SUSE/Portus (branches v2.2, v2.4 and master) say a request leads to. It imports nothing of the lab: inside
the image it stands alone, with Debian bookworm's packages of its recipe (``lab/images/recipes.py``).
"""

from __future__ import annotations

from typing import Final

BANNER: Final = "Portus contract double (a test part of the lab, not Portus itself)"
"""What every process of the double logs first, and what its ``Server`` header says."""
