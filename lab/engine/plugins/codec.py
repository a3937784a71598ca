"""Property bags between the engine's protobuf form and plain Python, keeping secrets and unknown values apart from the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import struct_pb2

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 -- the protocol's mark for a secret, not one
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_UNKNOWNS: Final = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string, and what we send for every kind
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
_UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_EXACT_INTEGERS: Final = 2.0**53
"""Numbers travel as doubles; whole ones below this come back as int, as Kubernetes wants them."""


class Unknown:
    """A value that is known only after an update. There is one instance, ``UNKNOWN``."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that must never be shown or stored in clear. Its ``repr`` shows nothing of it."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(...)"


Properties = dict[str, Any]
"""A property bag: JSON values, ``Secret`` and ``UNKNOWN``."""


def decode(bag: struct_pb2.Struct) -> Properties:
    """Return the bag as plain Python.

    Raises:
        ValueError: it holds an asset or archive, which no resource served here takes.
    """
    return {name: _decode(value) for name, value in bag.fields.items()}


def _decode(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
        case "bool_value":
            return value.bool_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and abs(number) < _EXACT_INTEGERS else number
        case "list_value":
            return [_decode(item) for item in value.list_value.values]
        case "struct_value":
            fields = value.struct_value.fields
            return _decode_signed(fields) if SIGNATURE in fields else {name: _decode(item) for name, item in fields.items()}
    return None


def _decode_signed(fields: Mapping[str, struct_pb2.Value]) -> Any:
    signature = fields[SIGNATURE].string_value
    if signature == _SECRET:
        return Secret(_decode(fields["value"]))
    if signature == _OUTPUT:
        inner = _decode(fields["value"]) if "value" in fields else UNKNOWN
        return Secret(inner) if "secret" in fields and fields["secret"].bool_value else inner
    raise ValueError("assets, archives and resource references are not values of this plugin's resources")


def encode(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return ``properties`` in the engine's form."""
    bag = struct_pb2.Struct()
    for name, value in properties.items():
        _encode(bag.fields[name], value)
    return bag


def _encode(target: struct_pb2.Value, value: Any) -> None:
    match value:
        case None:
            target.null_value = struct_pb2.NULL_VALUE
        case Secret():
            target.struct_value.fields[SIGNATURE].string_value = _SECRET
            _encode(target.struct_value.fields["value"], value.value)
        case Unknown():
            target.string_value = _UNKNOWN_STRING
        case bool():
            target.bool_value = value
        case int() | float():
            target.number_value = value
        case str():
            target.string_value = value
        case Mapping():
            target.struct_value.SetInParent()
            for name, item in value.items():
                _encode(target.struct_value.fields[name], item)
        case _:
            target.list_value.SetInParent()
            for item in value:
                _encode(target.list_value.values.add(), item)


def plain(value: Any) -> Any:
    """Return a copy of ``value`` without secret marks; unknown values stay ``UNKNOWN``."""
    match value:
        case Secret():
            return plain(value.value)
        case dict():
            return {name: plain(item) for name, item in value.items()}
        case list():
            return [plain(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Tell whether any part of ``value`` is unknown."""
    return _any(value, lambda part: part is UNKNOWN)


def has_secret(value: Any) -> bool:
    """Tell whether any part of ``value`` is secret."""
    return _any(value, lambda part: isinstance(part, Secret))


def _any(value: Any, test: Callable[[Any], bool]) -> bool:
    return test(value) or any(_any(part, test) for part in _parts(value))


def _parts(value: Any) -> Iterator[Any]:
    match value:
        case Secret():
            yield value.value
        case dict():
            yield from value.values()
        case list():
            yield from value
