"""The base of every component: its type token, and the only place that makes a child's options."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi


class ServiceComponent(pulumi.ComponentResource):
    """A component of the stack. A child gets its parent from here and nothing from the caller's ``opts``.

    Args:
        kind: the rest of the type token after ``portus:`` (``database:MariaDb``); a public contract like the logical name.
        name: the logical name; every child is called ``<name>-<role>``.
    """

    def __init__(self, kind: str, name: str, opts: pulumi.ResourceOptions | None) -> None:
        super().__init__(f"portus:{kind}", name, None, opts)

    def child(
        self,
        *,
        after: Sequence[pulumi.Resource] = (),
        protect: bool | None = None,
        retain: bool | None = None,
        delete_before_replace: bool | None = None,
        secret_outputs: Sequence[str] = (),
    ) -> pulumi.ResourceOptions:
        """Return the options of a child.

        Args:
            after: resources it must follow although it takes no value from them; the caller says why.
            protect: refuse every deletion and replacement of it.
            retain: leave the object in the cluster when it leaves the stack.
        """
        return pulumi.ResourceOptions(
            parent=self,
            depends_on=list(after) or None,
            protect=protect,
            retain_on_delete=retain,
            delete_before_replace=delete_before_replace,
            additional_secret_outputs=list(secret_outputs) or None,
        )
