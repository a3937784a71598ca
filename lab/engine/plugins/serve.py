# ruff: noqa: N802, D102 -- the method names and their meaning are the protocol's own
"""Serve a ``Provider`` over the engine's gRPC: announce the port, translate calls, end when the engine does."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import queue
import signal
import sys
import traceback
from collections.abc import Callable
from concurrent import futures
from typing import Any, Final, NoReturn, TypeVar

import grpc
from google.protobuf import empty_pb2

from lab.engine.plugins.codec import decode, encode, plain
from lab.engine.plugins.provider import (
    ChangeCall,
    CheckCall,
    Checked,
    DiffCall,
    Difference,
    InitializationError,
    Provider,
    ProviderError,
    ReadCall,
    Urn,
)
from lab.engine.protocol import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

MESSAGE_LIMIT: Final = 400 * 1024 * 1024
"""Largest message, bytes: the engine's own limit."""

THREADS: Final = 256
"""Calls that may wait at once; threads start only when needed. The engine itself runs at most ``--parallel`` of them."""

_OPTIONS: Final = [("grpc.max_receive_message_length", MESSAGE_LIMIT), ("grpc.max_send_message_length", MESSAGE_LIMIT)]
_UNKNOWN_CODE: Final = 2

T = TypeVar("T")


class Engine:
    """The engine's log, for messages that belong to a resource."""

    def __init__(self, address: str) -> None:
        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=_OPTIONS)) if address else None

    def warn(self, message: str, urn: Urn | None = None) -> None:
        """Show a warning that stays in the output."""
        self._log(engine_pb2.WARNING, message, urn, ephemeral=False)

    def status(self, message: str, urn: Urn) -> None:
        """Show ``message`` beside the resource while it is under way; '' clears it."""
        self._log(engine_pb2.INFO, message, urn, ephemeral=True)

    def _log(self, severity: engine_pb2.LogSeverity.ValueType, message: str, urn: Urn | None, *, ephemeral: bool) -> None:
        if self._stub is None:
            return
        request = engine_pb2.LogRequest(severity=severity, message=message, urn=urn.text if urn else "", ephemeral=ephemeral)
        try:
            self._stub.Log(request)
        except grpc.RpcError:  # the engine is ending: no process is left to tell
            return


class Service(provider_pb2_grpc.ResourceProviderServicer):
    """The protocol's side of a provider."""

    def __init__(self, provider: Provider, version: str) -> None:
        self._provider = provider
        self._version = version

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        del request, context
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        del request, context
        return plugin_pb2.PluginInfo(version=self._version)

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        del request, context
        return empty_pb2.Empty()

    def GetSchema(self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext) -> provider_pb2.GetSchemaResponse:
        """Refuse: only commands that generate code ask for a schema."""
        del request
        package = self._provider.package
        hint = "for 'pulumi import' there is --generate-code=false"
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED, f"the lab's stand-in for the {package} plugin has no schema to generate code from; {hint}"
        )
        raise AssertionError("abort always raises")

    def CheckConfig(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        checked = self._run(context, lambda: self._provider.check_config(Urn(request.urn), decode(request.news)))
        return _check_response(checked)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        old = request.old_inputs if request.HasField("old_inputs") else request.olds
        difference = self._run(context, lambda: self._provider.diff_config(plain(decode(old)), plain(decode(request.news))))
        return _diff_response(difference)

    def Configure(self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext) -> provider_pb2.ConfigureResponse:
        self._run(context, lambda: self._provider.configure(plain(decode(request.args))))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True)

    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        result = self._run(context, lambda: self._provider.invoke(request.tok, decode(request.args)))
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(result))
        return response

    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        naming = request.autonaming if request.HasField("autonaming") else None
        disabled = naming is not None and naming.mode == provider_pb2.CheckRequest.AutonamingOptions.DISABLE
        call = CheckCall(
            urn=Urn(request.urn),
            old=decode(request.olds),
            new=decode(request.news),
            seed=request.randomSeed,
            proposed_name=naming.proposed_name if naming is not None else "",
            autonaming_disabled=disabled,
        )
        return _check_response(self._run(context, lambda: self._provider.check(call)))

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        call = DiffCall(
            urn=Urn(request.urn),
            resource_id=request.id,
            old_inputs=decode(request.old_inputs),
            state=decode(request.olds),
            new=decode(request.news),
            ignored=list(request.ignoreChanges),
        )
        return _diff_response(self._run(context, lambda: self._provider.diff(call)))

    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        call = ChangeCall(
            urn=Urn(request.urn),
            resource_id="",
            old_inputs={},
            state={},
            new=decode(request.properties),
            timeout=request.timeout,
            preview=request.preview,
        )
        resource_id, outputs = self._run(context, lambda: self._provider.create(call))
        return provider_pb2.CreateResponse(id=resource_id, properties=encode(outputs))

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        call = ReadCall(Urn(request.urn), request.id, decode(request.inputs), decode(request.properties))
        live = self._run(context, lambda: self._provider.read(call))
        if live is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(id=live.resource_id, properties=encode(live.state), inputs=encode(live.inputs))

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        call = ChangeCall(
            urn=Urn(request.urn),
            resource_id=request.id,
            old_inputs=decode(request.old_inputs),
            state=decode(request.olds),
            new=decode(request.news),
            timeout=request.timeout,
            preview=request.preview,
            ignored=list(request.ignoreChanges),
        )
        return provider_pb2.UpdateResponse(properties=encode(self._run(context, lambda: self._provider.update(call))))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call = ChangeCall(
            urn=Urn(request.urn),
            resource_id=request.id,
            old_inputs=decode(request.old_inputs),
            state=decode(request.properties),
            new={},
            timeout=request.timeout,
            preview=False,
        )
        self._run(context, lambda: self._provider.delete(call))
        return empty_pb2.Empty()

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        del request, context
        self._provider.cancel()
        return empty_pb2.Empty()

    def _run(self, context: grpc.ServicerContext, work: Callable[[], T]) -> T:
        try:
            return work()
        except InitializationError as error:
            _abort_partial(context, error)
        except (ProviderError, ValueError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception:  # noqa: BLE001 -- the engine must learn of every failure, with the place where it happened
            context.abort(grpc.StatusCode.INTERNAL, f"the lab's {self._provider.package} plugin failed:\n{traceback.format_exc()}")
        raise AssertionError("abort always raises")


def _abort_partial(context: grpc.ServicerContext, error: InitializationError) -> NoReturn:
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.resource_id, properties=encode(error.outputs), inputs=encode(error.inputs), reasons=error.reasons
    )
    status = status_pb2.Status(code=_UNKNOWN_CODE, message=str(error))
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, str(error))
    raise AssertionError("abort always raises")


def _check_response(checked: Checked) -> provider_pb2.CheckResponse:
    failures = [provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in checked.failures]
    return provider_pb2.CheckResponse(inputs=encode(checked.inputs), failures=failures)


def _diff_response(difference: Difference) -> provider_pb2.DiffResponse:
    changed = bool(difference.changes)
    response = provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=list(difference.changes),
        replaces=[path for path, change in difference.changes.items() if change.replaces],
        deleteBeforeReplace=difference.delete_before_replace,
        hasDetailedDiff=True,
    )
    for path, change in difference.changes.items():
        kind: Any = int(change.kind) + (1 if change.replaces else 0)
        response.detailedDiff[path].CopyFrom(provider_pb2.PropertyDiff(kind=kind, inputDiff=True))
    return response


def run(make: Callable[[Engine], Provider], distribution: str) -> None:
    """Serve until the engine interrupts or ends; ``distribution`` is the Python package whose version is announced."""
    engine_address = sys.argv[-1] if len(sys.argv) > 1 else ""  # flags for logging and tracing may come before it
    provider = make(Engine(engine_address))
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=THREADS), options=_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Service(provider, importlib.metadata.version(distribution)), server)
    serve(server, provider.cancel)


def serve(server: grpc.Server, on_stop: Callable[[], None] = lambda: None) -> None:
    """Print a free loopback port as the engine expects, and serve there until SIGINT, SIGTERM or the engine's end."""
    stops: queue.SimpleQueue[int] = queue.SimpleQueue()  # an Event's lock may be held by the very thread that a signal interrupts
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: stops.put(received))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    parent = os.getppid()
    while os.getppid() == parent:  # an engine that was killed cannot say goodbye: its orphan must not stay
        with contextlib.suppress(queue.Empty):
            stops.get(timeout=2.0)
            break
    on_stop()
    server.stop(grace=None)
    sys.stdout.flush()
    os._exit(0)  # threads that still wait on a cluster must not hold up the engine's end
