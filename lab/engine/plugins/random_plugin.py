"""The stand-in for the random plugin: passwords, strings, bytes, ids, integers and UUIDs from the system's random source.

Tokens, names, secretness, ids and import formats are those of pulumi-random 4.21, and so are its faults: the id of `RandomBytes` is its
value, which Pulumi does not encrypt. A value is made once and kept in the state.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import string
import uuid
from typing import Any, ClassVar, Final

from typing_extensions import override

from lab.engine.plugins.codec import Properties
from lab.engine.plugins.generated import GeneratedProvider, Kind
from lab.engine.plugins.provider import ProviderError
from lab.engine.plugins.serve import run

SPECIAL: Final = "!@#$%&*()-_=+[]{}<>:?"
"""The genuine plugin's special characters."""

BCRYPT_LIMIT: Final = 72
"""bcrypt hashes the first 72 bytes only; the genuine plugin cuts there too."""

_BCRYPT_COST: Final = 10
_CLASSES: Final = {"lower": string.ascii_lowercase, "upper": string.ascii_uppercase, "numeric": string.digits, "special": SPECIAL}
_MINIMA: Final = {"lower": "minLower", "upper": "minUpper", "numeric": "minNumeric", "special": "minSpecial"}


def _alphabets(inputs: Properties) -> dict[str, str]:
    """Return the characters of each class in use."""
    own = inputs.get("overrideSpecial")
    classes = {**_CLASSES, "special": own or SPECIAL}
    return {name: characters for name, characters in classes.items() if inputs[name]}


def generate(inputs: Properties) -> str:
    """Return a string of ``length`` characters with at least the asked minimum of each class, in random order."""
    alphabets = _alphabets(inputs)
    chosen = [secrets.choice(alphabets[name]) for name, minimum in _MINIMA.items() if name in alphabets for _ in range(inputs[minimum])]
    everything = "".join(alphabets.values())
    chosen += [secrets.choice(everything) for _ in range(inputs["length"] - len(chosen))]
    secrets.SystemRandom().shuffle(chosen)
    return "".join(chosen)


class RandomString(Kind):
    """A random string; its id is the string itself, so it is not a secret."""

    inputs: ClassVar = {
        "keepers": dict,
        "length": int,
        "lower": bool,
        "upper": bool,
        "numeric": bool,
        "number": bool,
        "special": bool,
        "minLower": int,
        "minUpper": int,
        "minNumeric": int,
        "minSpecial": int,
        "overrideSpecial": str,
    }
    required: ClassVar = frozenset({"length"})
    defaults: ClassVar[dict[str, Any]] = {
        **dict.fromkeys(("lower", "upper", "special"), True),
        **dict.fromkeys(("minLower", "minUpper", "minNumeric", "minSpecial"), 0),
    }
    outputs: ClassVar[tuple[str, ...]] = ("result",)
    schema_version: ClassVar = 2

    @override
    def complete(self, inputs: Properties) -> Properties:
        """Let the deprecated ``number`` and ``numeric`` mean the same, ``numeric`` first."""
        found = super().complete(inputs)
        numeric = found.get("numeric", found.get("number", True))
        return {**found, "numeric": numeric, "number": found.get("number", numeric)}

    @override
    def problems(self, inputs: Properties) -> list[tuple[str, str]]:
        alphabets = _alphabets(inputs)
        minimum = sum(inputs[name] for name in _MINIMA.values())
        found = []
        if inputs["number"] != inputs["numeric"]:
            found.append(("number", "must be what numeric is: it is that property's deprecated name"))
        if not alphabets:
            found.append(("", "at least one of lower, upper, numeric and special must be true"))
        if inputs["length"] < max(1, minimum):
            found.append(("length", f"must be at least 1 and at least the sum of the minima ({minimum})"))
        found += [
            (_MINIMA[name], f"asks for {name} characters, which are switched off")
            for name in _MINIMA
            if inputs[_MINIMA[name]] and name not in alphabets
        ]
        return found

    @override
    def make(self, inputs: Properties) -> tuple[str, Properties]:
        result = generate(inputs)
        return result, {"result": result}

    @override
    def adopt(self, resource_id: str) -> tuple[str, Properties, Properties]:
        return resource_id, self.complete({"length": len(resource_id)}), {"result": resource_id}


class RandomPassword(RandomString):
    """A secret random string with its bcrypt hash. Its id says nothing."""

    schema_version: ClassVar = 3
    outputs: ClassVar[tuple[str, ...]] = ("result", "bcryptHash")
    secret_outputs: ClassVar = frozenset({"result", "bcryptHash"})

    @override
    def make(self, inputs: Properties) -> tuple[str, Properties]:
        return "none", _password(generate(inputs))

    @override
    def adopt(self, resource_id: str) -> tuple[str, Properties, Properties]:
        return "none", self.complete({"length": len(resource_id)}), _password(resource_id)


def _password(result: str) -> Properties:
    import bcrypt  # noqa: PLC0415 -- 40 ms that no other resource needs

    salt = bcrypt.gensalt(_BCRYPT_COST, prefix=b"2a")
    return {"result": result, "bcryptHash": bcrypt.hashpw(result.encode()[:BCRYPT_LIMIT], salt).decode()}


class RandomBytes(Kind):
    """Secret random bytes, as base64 and as hex. The id is the value in base64, as with the genuine plugin: readable in every state."""

    inputs: ClassVar = {"keepers": dict, "length": int}
    required: ClassVar = frozenset({"length"})
    outputs: ClassVar = ("base64", "hex")
    secret_outputs: ClassVar = frozenset({"base64", "hex"})
    has_id_output: ClassVar = False

    @override
    def problems(self, inputs: Properties) -> list[tuple[str, str]]:
        return [("length", "must be at least 1")] if inputs["length"] < 1 else []

    @override
    def make(self, inputs: Properties) -> tuple[str, Properties]:
        computed = _encodings(secrets.token_bytes(inputs["length"]))
        return computed["base64"], computed

    @override
    def adopt(self, resource_id: str) -> tuple[str, Properties, Properties]:
        try:
            data = base64.b64decode(resource_id, validate=True)
        except binascii.Error as error:
            raise ProviderError("RandomBytes is imported by its value in base64, and this is not base64.") from error
        return resource_id, {"length": len(data)}, _encodings(data)


def _encodings(data: bytes) -> Properties:
    return {"base64": base64.b64encode(data).decode(), "hex": data.hex()}


class RandomId(Kind):
    """Random bytes that are not secret, in four spellings, each after ``prefix``."""

    inputs: ClassVar = {"keepers": dict, "byteLength": int, "prefix": str}
    required: ClassVar = frozenset({"byteLength"})
    outputs: ClassVar = ("b64Std", "b64Url", "dec", "hex")

    @override
    def problems(self, inputs: Properties) -> list[tuple[str, str]]:
        return [("byteLength", "must be at least 1")] if inputs["byteLength"] < 1 else []

    @override
    def make(self, inputs: Properties) -> tuple[str, Properties]:
        return _spellings(secrets.token_bytes(inputs["byteLength"]), inputs.get("prefix", ""))

    @override
    def adopt(self, resource_id: str) -> tuple[str, Properties, Properties]:
        prefix, _, value = resource_id.rpartition(",")
        try:
            data = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        except binascii.Error as error:
            raise ProviderError("RandomId is imported as '[prefix,]value' with the value in URL-safe base64.") from error
        inputs: Properties = {"byteLength": len(data), **({"prefix": prefix} if prefix else {})}
        found, computed = _spellings(data, prefix)
        return found, inputs, computed


def _spellings(data: bytes, prefix: str) -> tuple[str, Properties]:
    url = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    spelled = {"b64Std": base64.b64encode(data).decode(), "b64Url": url, "dec": str(int.from_bytes(data)), "hex": data.hex()}
    return url, {name: prefix + value for name, value in spelled.items()}


class RandomInteger(Kind):
    """A random integer from ``min`` to ``max``, both included."""

    inputs: ClassVar = {"keepers": dict, "min": int, "max": int, "seed": str}
    required: ClassVar = frozenset({"min", "max"})
    outputs: ClassVar = ("result",)

    @override
    def problems(self, inputs: Properties) -> list[tuple[str, str]]:
        found = [("max", "must not be less than min")] if inputs["max"] < inputs["min"] else []
        if inputs.get("seed"):
            found.append(("seed", "is not served by the lab's stand-in: it would need the genuine plugin's own generator"))
        return found

    @override
    def make(self, inputs: Properties) -> tuple[str, Properties]:
        result = inputs["min"] + secrets.randbelow(inputs["max"] - inputs["min"] + 1)
        return str(result), {"result": result}


class RandomUuid(Kind):
    """A random UUID, version 4."""

    inputs: ClassVar = {"keepers": dict}
    outputs: ClassVar = ("result",)

    @override
    def make(self, inputs: Properties) -> tuple[str, Properties]:
        del inputs
        result = str(uuid.uuid4())
        return result, {"result": result}

    @override
    def adopt(self, resource_id: str) -> tuple[str, Properties, Properties]:
        try:
            result = str(uuid.UUID(resource_id))
        except ValueError as error:
            raise ProviderError(f"'{resource_id}' is not a UUID.") from error
        return result, {}, {"result": result}


KINDS: Final = {
    "random:index/randomPassword:RandomPassword": RandomPassword(),
    "random:index/randomString:RandomString": RandomString(),
    "random:index/randomBytes:RandomBytes": RandomBytes(),
    "random:index/randomId:RandomId": RandomId(),
    "random:index/randomInteger:RandomInteger": RandomInteger(),
    "random:index/randomUuid:RandomUuid": RandomUuid(),
}

if __name__ == "__main__":
    run(lambda _engine: GeneratedProvider("random", KINDS), "pulumi-random")
