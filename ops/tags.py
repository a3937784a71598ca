"""What Portus has recorded of a deployed stack, wherever its database is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ops.deployment import TAGS, Deployment, Tag
from ops.doctor.access import Access, database_errors
from ops.doctor.expected import stated
from ops.kube.sql import Rows


@contextmanager
def recorded(deployment: Deployment) -> Iterator[Callable[[], list[Tag]]]:
    """Give what returns every tag that Portus has recorded: out of the stack's own database, or an external one through Portus' Pod.

    Raises:
        ops.errors.LabError: the database cannot be read.
    """
    with database_errors(deployment.stack):
        if deployment.has_own_database():
            yield deployment.tags
            return
        with Access.of(stated(deployment.stack, deployment.outputs), deployment.kube).rows() as rows:
            yield lambda: tags(rows)


def tags(rows: Rows) -> list[Tag]:
    """Return every tag as the database has it now."""
    rows("COMMIT")  # else each look is at what the first one saw (REPEATABLE READ)
    texts = (["NULL" if value is None else str(value) for value in row] for row in rows(TAGS))
    return [Tag(**dict(zip(Tag.__slots__, row, strict=True))) for row in texts]
