from __future__ import annotations

import pytest
from google.protobuf import struct_pb2

from lab.engine.plugins.codec import SIGNATURE, UNKNOWN, Properties, Secret, decode, encode, has_secret, has_unknown, plain


def test_every_kind_of_value_survives_the_way_to_the_engine_and_back() -> None:
    bag: Properties = {"a": None, "b": True, "c": 3, "d": 2.5, "e": "text", "f": [1, {"g": Secret({"h": UNKNOWN})}], "i": {}, "j": []}
    assert decode(encode(bag)) == bag


def test_whole_numbers_come_back_as_integers() -> None:
    assert {key: type(value) for key, value in decode(encode({"a": 8.0, "b": 8.5})).items()} == {"a": int, "b": float}


def test_a_secret_never_shows_its_value() -> None:
    assert "hidden" not in repr(Secret("hidden"))


def test_plain_removes_marks_and_keeps_unknown_values() -> None:
    assert plain({"a": Secret([Secret("x"), UNKNOWN])}) == {"a": ["x", UNKNOWN]}


def test_marks_are_found_at_any_depth() -> None:
    assert has_secret({"a": [{"b": Secret(1)}]})
    assert has_unknown({"a": Secret([UNKNOWN])})
    assert not has_unknown({"a": [Secret(1)]})


def test_an_asset_is_refused() -> None:
    bag = struct_pb2.Struct()
    bag.fields["a"].struct_value.fields[SIGNATURE].string_value = "c44067f5952c0a294b673a41bacd8c17"
    with pytest.raises(ValueError, match="assets"):
        decode(bag)
