"""The SDK's generated protocol modules, without the SDK around them.

Importing ``pulumi`` whole takes 80 ms and 10 MB that a process which only serves the protocol never uses, and four such processes
start with each ``pulumi`` command. So the two packages above the protocol are entered bare: their folders, not their code; they are
taken out again afterwards, so that a later ``import pulumi`` in the same process gets the real ones.
"""

from __future__ import annotations

import importlib.util
import sys
import types


def _bare(name: str) -> types.ModuleType:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(f"the package '{name}' is not installed", name=name)
    module = types.ModuleType(name)
    module.__path__ = list(spec.submodule_search_locations)
    module.__spec__ = spec
    return module


_entered = []
for _name in ("pulumi", "pulumi.runtime"):
    if _name not in sys.modules:
        sys.modules[_name] = _bare(_name)
        _entered.append(_name)

from pulumi.runtime.proto import (  # noqa: E402 -- after the packages above it were entered
    engine_pb2,
    engine_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

for _name in _entered:
    del sys.modules[_name]

__all__ = [
    "engine_pb2",
    "engine_pb2_grpc",
    "language_pb2",
    "language_pb2_grpc",
    "plugin_pb2",
    "provider_pb2",
    "provider_pb2_grpc",
    "status_pb2",
]
