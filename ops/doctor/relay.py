"""A connection that begins in a Pod: to what the Pod reaches and this machine may not, such as an external database."""

from __future__ import annotations

import contextlib
import math
import select
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

from ops.kube.http import SECONDS
from ops.kube.pods import Pods

RELAY: Final = 'exec 3<>"/dev/tcp/$0/$1" || exit; cat <&3 & cat <&0 >&3 & wait -n; kill $(jobs -p) 2>/dev/null'
"""By bash, which starts every image of Portus. The first ``cat`` ends with the server's side, the second with this machine's; either ends
the other, so that nothing stays behind in the Pod."""
POLL_SECONDS: Final = 0.05
CHUNK: Final = 65536


@contextlib.contextmanager
def relay(pods: Pods, pod: str, host: str, port: int, seconds: float = math.inf) -> Iterator[socket.socket]:
    """Give a connection from ``pod`` to ``host``; when that refuses, the connection ends at once.

    Args:
        seconds: after which it ends, whatever the server still sends.

    Raises:
        kubernetes.client.ApiException: the cluster refuses to run a command in the Pod.
    """
    session = pods.session(pod, ["bash", "-c", RELAY, host, str(port)], stdin=True)
    near, far = socket.socketpair()
    near.settimeout(SECONDS)
    over = threading.Event()
    pump = threading.Thread(target=_pump, args=(session, far, over, time.monotonic() + seconds), daemon=True)
    pump.start()
    try:
        yield near
    finally:
        over.set()
        near.close()
        pump.join(SECONDS)
        session.close()


def _pump(session: Any, far: socket.socket, over: threading.Event, until: float) -> None:
    """Carry bytes both ways until either side ends, or the time is up."""
    with contextlib.suppress(OSError), far:
        while session.is_open() and not over.is_set() and time.monotonic() < until:
            session.update(timeout=POLL_SECONDS)
            if session.peek_stdout(timeout=0):
                far.sendall(session.read_stdout(timeout=0))
            if select.select([far], [], [], 0)[0]:
                data = far.recv(CHUNK)
                if not data:
                    return
                session.write_stdin(data)
