# ruff: noqa: N802, D102 -- the method names and their meaning are the protocol's own
"""The Python language host where the genuine one is not installed: runs programs in their own virtualenv, in a fresh process.

It serves what running a program and a policy pack takes. Code generation, other plugins written in Python and debugging need the genuine
host.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent import futures
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any, Final

import grpc
from google.protobuf import empty_pb2

from lab.engine.environment import Interpreter, InterpreterError, packages_in
from lab.engine.plugins.codec import decode
from lab.engine.plugins.serve import serve
from lab.engine.protocol import language_pb2, language_pb2_grpc, plugin_pb2
from lab.versions import PULUMI

EXECUTOR: Final = Path(__file__).with_name("program.py")
ALREADY_SHOWN: Final = 32
"""The executor's exit code for an error that the engine has shown already (``program.ALREADY_SHOWN``)."""

BY_SIGNAL: Final = -1
"""What the genuine host reports of a program that a signal ended: Go's ExitStatus of it."""

KILL_SECONDS: Final = 5.0
"""Between an interrupt and a kill, as the genuine host's WaitDelay."""

_TYPECHECKERS: Final = ("mypy", "pyright")


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The protocol's side of the host."""

    def __init__(self, engine_address: str) -> None:
        self._engine_address = engine_address
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def Handshake(
        self, request: language_pb2.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        del context
        self._engine_address = request.engine_address or self._engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        del request, context
        return plugin_pb2.PluginInfo(version=PULUMI)

    def About(self, request: language_pb2.AboutRequest, context: grpc.ServicerContext) -> language_pb2.AboutResponse:
        interpreter = _interpreter(request.info, context)
        return language_pb2.AboutResponse(executable=str(interpreter.python), version=interpreter.version())

    def GetRequiredPlugins(
        self, request: language_pb2.GetRequiredPluginsRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPluginsResponse:
        required = _interpreter(request.info, context).required_plugins()
        plugins = [
            plugin_pb2.PluginDependency(name=plugin.name, version=plugin.version, kind="resource", server=plugin.server)
            for plugin in required
        ]
        return language_pb2.GetRequiredPluginsResponse(plugins=plugins)

    def GetRequiredPackages(
        self, request: language_pb2.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        required = _interpreter(request.info, context).required_plugins()
        packages = [
            plugin_pb2.PackageDependency(name=plugin.name, version=plugin.version, kind="resource", server=plugin.server)
            for plugin in required
        ]
        return language_pb2.GetRequiredPackagesResponse(packages=packages)

    def GetProgramDependencies(
        self, request: language_pb2.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetProgramDependenciesResponse:
        packages = packages_in(_interpreter(request.info, context).site_packages())
        dependencies = [language_pb2.DependencyInfo(name=name, version=version) for name, version in packages]
        return language_pb2.GetProgramDependenciesResponse(dependencies=dependencies)

    def InstallDependencies(
        self, request: language_pb2.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        """Make the virtualenv and install requirements.txt into it, passing on what pip says."""
        info = request.info
        options = decode(info.options)
        for command in Interpreter.install_commands(Path(info.root_directory), Path(info.program_directory), options):
            process = subprocess.Popen(command, cwd=info.program_directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            assert process.stdout is not None
            for line in process.stdout:
                yield language_pb2.InstallDependenciesResponse(stdout=line)
            if process.wait() != 0:
                context.abort(grpc.StatusCode.UNKNOWN, f"'{' '.join(command)}' ended with code {process.returncode}")

    def Run(self, request: language_pb2.RunRequest, context: grpc.ServicerContext) -> language_pb2.RunResponse:
        if request.attach_debugger:
            return language_pb2.RunResponse(error="the lab's language host cannot attach a debugger; the genuine host can")
        options = decode(request.info.options)
        try:
            interpreter = Interpreter.of(Path(request.info.root_directory), options)
        except InterpreterError as error:
            return language_pb2.RunResponse(error=str(error))
        if problem := _type_errors(interpreter, options, request.info.program_directory):
            return language_pb2.RunResponse(error=problem)
        environment = interpreter.environment(os.environ) | _configuration(request)
        process = subprocess.Popen([str(interpreter.python), "-u", str(EXECUTOR), *self._run_arguments(request)], env=environment)
        with self._lock:
            self._running.add(process)
        context.add_callback(lambda: _interrupt(process))
        try:
            code = process.wait()
        finally:
            with self._lock:
                self._running.discard(process)
        return _result(code)

    def RunPlugin(self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext) -> Iterator[language_pb2.RunPluginResponse]:
        """Run a policy pack by the SDK's own module for it, passing on what it says; its first line is the port where it serves."""
        if request.kind != "analyzer":
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "the lab's language host runs no plugins but policy packs; the genuine host does")
        interpreter = _interpreter(request.info, context)
        environment = interpreter.environment(dict(each.split("=", 1) for each in request.env))
        command = [str(interpreter.python), "-u", "-m", "pulumi.policy", *request.args, request.info.program_directory]
        process = subprocess.Popen(command, cwd=request.pwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        context.add_callback(lambda: _interrupt(process))
        parts: SimpleQueue[language_pb2.RunPluginResponse | None] = SimpleQueue()
        for name, stream in (("stdout", process.stdout), ("stderr", process.stderr)):
            threading.Thread(target=_pass_on, args=(name, stream, parts), daemon=True).start()
        for _ in range(2):
            while (part := parts.get()) is not None:
                yield part
        yield language_pb2.RunPluginResponse(exitcode=process.wait())

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        del request, context
        self.stop()
        return empty_pb2.Empty()

    def stop(self) -> None:
        """Interrupt the program that runs, if any."""
        with self._lock:
            running = list(self._running)
        for process in running:
            _interrupt(process)

    def _run_arguments(self, request: language_pb2.RunRequest) -> list[str]:
        values = {
            "monitor": request.monitor_address,
            "engine": self._engine_address,
            "project": request.project,
            "root_directory": request.info.root_directory,
            "stack": request.stack,
            "pwd": request.pwd,
            "dry_run": "true" if request.dryRun else "false",
            "parallel": str(request.parallel),
            "organization": request.organization,
        }
        named = [word for name, value in values.items() if value for word in (f"--{name}", value)]
        return [*named, request.info.entry_point or ".", *request.args]


def _configuration(request: language_pb2.RunRequest) -> dict[str, str]:
    """Return the stack's configuration in the form in which the SDK reads it; it travels by environment, never in arguments."""
    return {
        "PULUMI_CONFIG": json.dumps(dict(request.config)),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
    }


def _result(code: int) -> language_pb2.RunResponse:
    if code == 0:
        return language_pb2.RunResponse()
    if code == ALREADY_SHOWN:
        return language_pb2.RunResponse(bail=True)
    return language_pb2.RunResponse(error=f"program exited with non-zero exit code: {code if code > 0 else BY_SIGNAL}")


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """Send SIGINT, and kill what has not ended ``KILL_SECONDS`` later."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    last = threading.Timer(KILL_SECONDS, process.kill)
    last.daemon = True
    last.start()


def _pass_on(name: str, stream: IO[bytes], parts: SimpleQueue[language_pb2.RunPluginResponse | None]) -> None:
    """Put what comes from ``stream`` into ``parts`` under its ``name``, and None at its end."""
    while part := stream.read1():  # type: ignore[attr-defined]  # of a buffered reader, which a pipe's end is
        parts.put(language_pb2.RunPluginResponse(**{name: part}))
    parts.put(None)


def _type_errors(interpreter: Interpreter, options: Mapping[str, Any], program: str) -> str:
    """Run the type checker that Pulumi.yaml asks for; return what is wrong, '' when nothing is."""
    checker = options.get("typechecker")
    if checker is None:
        return ""
    if checker not in _TYPECHECKERS:
        return f"unsupported typechecker option: {checker} (one of {', '.join(_TYPECHECKERS)})"
    exclude = ["--exclude", f"^{interpreter.folder.name}/"] if checker == "mypy" and interpreter.folder else []
    command = [str(interpreter.python), "-m", checker, *exclude, program]
    done = subprocess.run(command, cwd=program, env=interpreter.environment(os.environ), capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{checker} failed:\n{done.stdout}{done.stderr}"


def _interpreter(info: language_pb2.ProgramInfo, context: grpc.ServicerContext) -> Interpreter:
    try:
        return Interpreter.of(Path(info.root_directory), decode(info.options))
    except InterpreterError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
    raise AssertionError("abort always raises")


def main() -> None:
    """Serve the engine whose address is the last argument."""
    host = LanguageHost(sys.argv[-1] if len(sys.argv) > 1 else "")
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    serve(server, host.stop)


if __name__ == "__main__":
    main()
