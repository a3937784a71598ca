"""``/api/v1/registries``: for admins only; there is one registry at most."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from werkzeug.wrappers import Response

from . import registries
from .database import Row
from .endpoint import Call, Endpoints, Param, number, reply

ENDPOINTS: Final = Endpoints()
_SSL: Final = "registry.use_ssl"


def shown(registry: Row) -> dict[str, Any]:
    """Return a registry's record as the API shows it."""
    names = ("id", "name", "hostname", "external_hostname", "use_ssl", "created_at", "updated_at")
    return {name: bool(registry[name]) if name == "use_ssl" else registry[name] for name in names}


@ENDPOINTS.add("GET", "/v1/registries", "admins")
def _list(call: Call) -> Response:
    return reply([shown(row) for row in call.core.db.rows("SELECT * FROM registries ORDER BY id")])


@ENDPOINTS.add(
    "GET",
    "/v1/registries/validate",
    "admins",
    *(Param(name, required=False) for name in ("name", "hostname", "external_hostname")),
    Param("use_ssl", required=False, kind=bool),
    Param("only", required=False, kind=list),
)
def _validate(call: Call) -> Response:
    values = {name: value for name, value in call.values.items() if name != "only"}
    valid, messages = registries.validate(call.core, values, call.values.get("only"))
    return reply({"messages": messages, "valid": valid})


@ENDPOINTS.add(
    "POST",
    "/v1/registries",
    "admins",
    Param("registry", kind=dict),
    Param("registry.name"),
    Param("registry.hostname"),
    Param(_SSL, kind=bool),
    Param("registry.external_hostname", required=False),
)
def _create(call: Call) -> Response:
    return reply(shown(registries.create(call.core, call.values["registry"])), HTTPStatus.CREATED)


@ENDPOINTS.add(
    "PUT",
    "/v1/registries/:id",
    "admins",
    Param("registry", kind=dict),
    *(Param(f"registry.{name}", required=False) for name in ("name", "hostname", "external_hostname")),
    Param(_SSL, required=False, kind=bool),
)
def _change(call: Call) -> Response:
    return reply(shown(registries.change(call.core, number(call.ids[0]), call.values["registry"])))
