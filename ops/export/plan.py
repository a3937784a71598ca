"""``plan.md``: what to do with an export, with this stack's own names; pure. ``docs/operate/leaving.md`` says when to do it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ops.doctor.facts import Expected
from ops.export import harbor, images
from ops.export.model import Portus, Visibility
from ops.export.registry_client import Inventory

SYNC: Final = "skopeo sync --all --preserve-digests --keep-going --src yaml --dest docker"
"""``--all``: every part of a manifest list; ``--preserve-digests``: fail rather than convert; ``--keep-going``: copy the others anyway."""
LOGINS: Final = "--src-authfile old.json --dest-authfile new.json"
TARGET: Final = "NEW"


def plan(expected: Expected, portus: Portus, inventory: Inventory) -> str:
    """Return the text."""
    return "\n".join([*_images(expected, portus, inventory), *_harbor(portus), *_zot(portus), *_lost(portus)]) + "\n"


def _images(expected: Expected, portus: Portus, inventory: Inventory) -> Iterator[str]:
    certificate = f" --cert-dir {images.CERTIFICATES}" if expected.trust.strip() else ""
    yield from (
        f"# Leaving Portus: stack {expected.stack}",
        "",
        "## Images",
        f"skopeo 1.9 or later, run in this folder; `{TARGET}` is the new registry. Log in to the old one as an administrator of Portus:",
        "",
        f"    skopeo login{certificate} --authfile old.json {expected.registry}",
        f"    skopeo login --authfile new.json {TARGET}",
        "",
        "Then folder by folder. A command that ends with code 0 has copied every tag of its file with its digest; one that was cut off",
        "or failed is run again, and copies what is missing.",
        "",
    )
    found, archive = images.batches(inventory.images), images.ALL
    for batch in found:
        yield f"    {SYNC} {LOGINS} {batch.file} {f'{TARGET}/{batch.folder}'.rstrip('/')}    # tags: {batch.tags}"
    if not found:
        yield "    (the registry holds no image)"
    top = _top_project(portus)
    if top and any(batch.file == images.TOP for batch in found):
        yield from ("", f"For Harbor the target of `{images.TOP}` is `{TARGET}/{top}`: it has no repository outside a project.")
    yield from (
        "",
        f"`{archive}` holds all of them at once, for an archive: `skopeo sync --all --scoped --src yaml --dest dir {archive} FOLDER`.",
        "`registry.json` lists each tag's digest, to compare with; `drift.json` says where Portus' records and the registry differ.",
    )
    if inventory.unread:
        yield from (
            "",
            "**Not in these files**, for their tags cannot be listed (make a namespace of that name in Portus and export again):",
            "",
        )
        yield from (f"- {name}: {why}" for name, why in inventory.unread.items())


def _top_project(portus: Portus) -> str:
    names = harbor.projects(portus)
    return next((names[each.name] for each in portus.moving if each.is_global), "")


def _harbor(portus: Portus) -> Iterator[str]:
    bodies = harbor.plan(portus)
    yield from (
        "",
        "## Harbor",
        f"`harbor.json` holds the bodies of requests to `{bodies['api']}`, in this order; 409 means that it is there already.",
        "",
        f"1. Users ({len(bodies['users'])}): `POST /users` with each of `users`, after adding a `password` (8 to 128 characters, upper and",
        "   lower case and a digit). Where Harbor authenticates by LDAP or OpenID this is not possible nor needed.",
        f'2. {len(bodies["system_administrators"])} administrators: `PUT /users/{{user_id}}/sysadmin` with `{{"sysadmin_flag": true}}`.',
        f"3. Projects ({len(bodies['projects'])}): `POST /projects` with each `project`; then with each of its `members`",
        "   `POST /projects/{project_name}/members` (Portus' owner: project admin; contributor: developer; viewer: guest).",
        "   Before the images: Harbor takes none without its project.",
        f"4. Users of a directory ({len(bodies['by_directory'])}) come by themselves with their first login, and are members then.",
    )
    if bodies["look_at"]:
        yield from ("", "To look at:", "", *(f"- {each}" for each in bodies["look_at"]))


def _zot(portus: Portus) -> Iterator[str]:
    yield from (
        "",
        "## zot",
        "`zot.json` is merged into zot 2's configuration, beside your `http.address`, `tls`, `auth` (htpasswd or LDAP, with Portus' user",
        "names) and `storage`. Its `compat` makes zot take Docker's own manifests; without it zot refuses most of these images.",
        "Check it with `zot verify FILE`. Copy the images as one of the administrators in `adminPolicy`.",
    )
    if any(each.readers is not Visibility.PRIVATE for each in portus.moving):
        yield from ("", "Open namespaces: `defaultPolicy` lets every user pull, `anonymousPolicy` every client.")


def _lost(portus: Portus) -> Iterator[str]:
    count = sum(portus.application_tokens.values())
    yield from (
        "",
        "## What does not come along",
        "- Passwords: users who log in by LDAP keep theirs, all others get a new one.",
        f"- Application tokens ({count}, by user in `portus.json`): their users need a new login.",
        "- Activities, comments, stars, scan results; webhooks are listed in `portus.json`, without their logins and header values.",
    )
