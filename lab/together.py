"""Runs several jobs at the same time; when one fails or the user interrupts, the programs that the others run are ended."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

from ops import process


def together(*jobs: Callable[[], Any]) -> list[Any]:
    """Return what the jobs return, in their order.

    Raises:
        BaseException: what the first job that failed raised; the others have ended then.
    """
    group = process.Group()
    with ThreadPoolExecutor(max_workers=len(jobs)) as pool:
        running = [pool.submit(_in_group, group, job) for job in jobs]
        try:
            done, _ = wait(running, return_when=FIRST_EXCEPTION)
            failed = next((each for each in running if each in done and each.exception() is not None), None)
            if failed is not None:
                failed.result()
        except BaseException:
            group.stop()
            raise
        return [each.result() for each in running]


def _in_group(group: process.Group, job: Callable[[], Any]) -> Any:
    def run() -> Any:
        process.GROUP.set(group)
        return job()

    return contextvars.copy_context().run(run)
