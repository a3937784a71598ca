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
        replace_on_changes: Sequence[str] = (),
        ignore_changes: Sequence[str] = (),
        seconds: int | None = None,
        was_top_level: bool = False,
    ) -> pulumi.ResourceOptions:
        """Return the options of a child.

        Args:
            after: resources it must follow although it takes no value from them; the caller says why.
            protect: refuse every deletion and replacement of it.
            retain: leave the object in the cluster when it leaves the stack.
            replace_on_changes: inputs that can be changed by replacement only, although the provider tries otherwise.
            delete_before_replace: make its successor only once it is gone.
            ignore_changes: inputs that stay as they were made.
            seconds: how long it may take to get ready, or to go; the provider gives up after ten minutes by itself.
            was_top_level: it was a child of the stack itself before; Pulumi keeps it, with its children, instead of making another.
        """
        return pulumi.ResourceOptions(
            parent=self,
            depends_on=list(after) or None,
            protect=protect,
            retain_on_delete=retain,
            delete_before_replace=delete_before_replace,
            replace_on_changes=list(replace_on_changes) or None,
            ignore_changes=list(ignore_changes) or None,
            aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)] if was_top_level else None,
            custom_timeouts=None
            if seconds is None
            else pulumi.CustomTimeouts(create=f"{seconds}s", update=f"{seconds}s", delete=f"{seconds}s"),
        )
