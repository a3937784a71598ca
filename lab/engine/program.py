"""Run one Pulumi program in this interpreter, as the genuine executor does. Started by the language host; needs nothing but the SDK.

As with the genuine one (pulumi-language-python-exec), an interrupt raises KeyboardInterrupt in the program, whose traceback is shown unless
the program prevents it, and a RunError ends with code 1, after which the host adds a line of its own.

It is a file of its own, run by the program's own interpreter, so that the program's start-up time and memory are its own.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import runpy
import sys
import traceback
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ALREADY_SHOWN = 32
"""Exit code that tells the language host that the program's error was logged to the engine already."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("monitor", "engine", "project", "root_directory", "stack", "pwd", "dry_run", "parallel", "organization"):
        parser.add_argument(f"--{name}")
    parser.add_argument("program")
    parser.add_argument("arguments", nargs="*")
    return parser.parse_args()


def program_traceback(error: BaseException, program: str) -> str:
    """Return the traceback from the program's first frame on: its author does not need the frames of what runs it."""
    folder = Path(program).resolve()
    entry = folder / "__main__.py" if folder.is_dir() else folder
    frame = error.__traceback__
    while frame is not None and Path(frame.tb_frame.f_code.co_filename).resolve() != entry:
        frame = frame.tb_next
    return "".join(traceback.format_exception(type(error), error, frame or error.__traceback__))


def _run(coroutine: Coroutine[Any, Any, None], parallel: int) -> None:
    """Run on a loop whose thread pool is as wide as the SDK's own executor makes it: four threads per parallel operation."""
    with ThreadPoolExecutor(max_workers=max(parallel, 1) * 4) as executor:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.set_default_executor(executor)
        try:
            loop.run_until_complete(coroutine)
        finally:
            loop.close()


def main() -> int:
    """Run the program and return the exit code."""
    try:
        import pulumi  # noqa: PLC0415 -- its absence must be reported in words
        import pulumi.runtime  # noqa: PLC0415
    except ImportError as error:
        sys.stderr.write(
            f"the Pulumi SDK cannot be imported by {sys.executable}: {error}\nInstall the program's requirements into its virtualenv.\n"
        )
        return 1
    given = _arguments()
    pulumi.runtime.set_all_config(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env())
    parallel = int(given.parallel)
    settings = pulumi.runtime.Settings(
        monitor=given.monitor,
        engine=given.engine,
        project=given.project,
        stack=given.stack,
        parallel=parallel,
        dry_run=given.dry_run == "true",
        organization=given.organization,
        root_directory=given.root_directory,
    )
    pulumi.runtime.configure(settings)
    sys.argv = [given.program, *given.arguments]
    if given.pwd:
        os.chdir(given.pwd)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # futures that a failed run leaves behind are not news

    def program() -> None:
        runpy.run_path(given.program, run_name="__main__")

    try:
        _run(pulumi.runtime.run_in_stack(program), parallel)
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception as error:  # noqa: BLE001 -- whatever the program raises is its user's to see
        pulumi.log.error(f"Program failed with an unhandled exception:\n{program_traceback(error, given.program)}")
        return ALREADY_SHOWN
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
