"""What of a live object corresponds to the inputs that made it: the basis of a refresh, and of a state that is made again.

The server fills in defaults, spells quantities in its own way and moves a Secret's ``stringData`` into ``data``. None of that is a
change; a field of ours with another meaning is, and so is one that has gone.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

Properties = dict[str, Any]
"""Inputs or an object, as plain values."""

_QUANTITY_FIELDS: Final = "capacity default defaultRequest divisor hard limits max maxLimitRequestRatio min overhead requests sizeLimit"
_QUANTITY_PARENTS: Final = frozenset(_QUANTITY_FIELDS.split())
_SUFFIXES: Final[Mapping[str, Decimal]] = {
    **{unit: Decimal(1024) ** power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
    **{unit: Decimal(1000) ** power for power, unit in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
    **{unit: Decimal(1000) ** -power for power, unit in enumerate(("m", "u", "n"), start=1)},
}
_MERGE_KEYS: Final = ("name", "mountPath")
"""Fields that tell a list's items apart, as the API's own merge keys do: two mounts of one volume share its name."""

_ABSENT: Final = object()
_EMPTY: Final = (None, "", False, 0)
"""Scalars that the server leaves out because they are a field's zero value."""


def live_inputs(inputs: Properties, live: Mapping[str, Any]) -> Properties:
    """Return the inputs as the cluster has them now: ``inputs`` where it agrees, its own values where it does not."""
    result: Properties = {}
    for key, value in inputs.items():
        if key == "stringData" and inputs.get("kind") == "Secret":
            found: Any = _string_data(value, live.get("data") or {})
        else:
            found = _reconcile(value, live.get(key, _ABSENT), (key,))
        if found is not _ABSENT:
            result[key] = found
    if result.get("kind") == "Secret" and isinstance(inputs.get("data"), dict) and isinstance(live.get("data"), dict):
        result["data"] = _binary_data(inputs["data"], live["data"])
    return result


def _reconcile(mine: Any, theirs: Any, path: tuple[str, ...]) -> Any:
    if theirs is _ABSENT:
        return mine if _is_empty(mine) else _ABSENT
    if isinstance(mine, dict) and isinstance(theirs, dict):
        merged = {key: _reconcile(value, theirs.get(key, _ABSENT), (*path, key)) for key, value in mine.items()}
        return {key: value for key, value in merged.items() if value is not _ABSENT}
    if isinstance(mine, list) and isinstance(theirs, list):
        return _reconcile_lists(mine, theirs, path)
    if mine == theirs or (not _QUANTITY_PARENTS.isdisjoint(path) and same_quantity(mine, theirs)):
        return mine
    return theirs


def _is_empty(value: Any) -> bool:
    if isinstance(value, (dict, list)):
        return all(map(_is_empty, value.values() if isinstance(value, dict) else value))
    return value in _EMPTY


def _reconcile_lists(mine: Sequence[Any], theirs: Sequence[Any], path: tuple[str, ...]) -> list[Any]:
    """Match items by the field that distinguishes them if all have it (other managers may add their own), else by position."""
    key = next((name for name in _MERGE_KEYS if _tells_apart(mine, name)), None)
    if key is not None:
        by_key = {item.get(key): item for item in theirs if isinstance(item, dict)}
        pairs = [(item, by_key.get(item[key], _ABSENT)) for item in mine]
    elif len(mine) == len(theirs):
        pairs = list(zip(mine, theirs, strict=True))
    else:
        return list(theirs)
    merged = [_reconcile(item, other, path) for item, other in pairs]
    return [item for item in merged if item is not _ABSENT]


def _tells_apart(items: Sequence[Any], key: str) -> bool:
    values = [item.get(key) for item in items if isinstance(item, dict)]
    return len(values) == len(items) > 0 and all(isinstance(value, str) for value in values) and len(set(values)) == len(values)


def _string_data(mine: Any, data: Mapping[str, str]) -> Any:
    if not isinstance(mine, dict):
        return mine
    result = {}
    for key, text in mine.items():
        if key in data:
            found = decode_base64(data[key])
            same = found == str(text).encode()
            result[key] = text if same or found is None else found.decode(errors="replace")
    return result


def _binary_data(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> Properties:
    """Compare base64 by the bytes that it encodes."""
    result = {}
    for key, value in mine.items():
        if key in theirs:
            same = isinstance(value, str) and decode_base64(value) == base64.b64decode(theirs[key])
            result[key] = value if same else theirs[key]
    return result


def decode_base64(text: str) -> bytes | None:
    """Return the bytes of a Secret's data value, None when it is not base64."""
    try:
        return base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        return None


def same_quantity(one: Any, other: Any) -> bool:
    """Tell whether two spellings are the same Kubernetes quantity, e.g. ``1000m`` and ``1``, ``1024Mi`` and ``1Gi``."""
    values = _quantity(one), _quantity(other)
    return values[0] is not None and values[0] == values[1]


def _quantity(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    text = str(value)
    suffix = next((unit for unit in sorted(_SUFFIXES, key=len, reverse=True) if text.endswith(unit)), "")
    try:
        return Decimal(text.removesuffix(suffix)) * _SUFFIXES.get(suffix, Decimal(1))
    except InvalidOperation:
        return None
