"""Runs the packet generator (bench/traffic) between two hosts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import TracebackType

from support.errors import CheckFailed
from support.process import wait_until
from support.processors import Processors

from .contestants import Way

PORT = 5000
SINK_PATIENCE = 3  # seconds; the sink tells of a run a quarter of a second after its last packet


@dataclass(frozen=True)
class Trial:
    """What became of one run of packets."""

    sent: int
    received: int
    seconds: float  # that the sender took
    received_per_second: float
    reordered: int = 0
    socket_drops: int = 0  # of those lost, how many the receiving socket had no room for
    cpu_seconds: float = 0
    stolen: float = 0

    @property
    def sent_per_second(self) -> float:
        return self.sent / self.seconds

    @property
    def loss(self) -> float:
        return 1 - self.received / self.sent if self.sent else 0

    @property
    def cpu_seconds_per_million(self) -> float:
        return self.cpu_seconds / self.received * 1e6 if self.received else 0


class PacketPath:
    """A sink at the far host, for as long as the `with` lasts, and senders at the near one."""

    def __init__(self, way: Way, program: str) -> None:
        self._source, target, address = way.ends("up")
        self._program = program
        self._to = f"{address}:{PORT}"
        self._run = 0
        self._sink = way.site.lab.start_helper(target, "sink", [program, "sink", "--at", self._to])
        self._sink.wait_for("ready", 5)

    def __enter__(self) -> PacketPath:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None,
                 _trace: TracebackType | None) -> None:
        self._sink.kill()
        self._sink.log.unlink(missing_ok=True)

    def send(self, size: str, seconds: float, rate: float | None = None) -> Trial:
        """As fast as it goes, or `rate` packets per second."""
        self._run += 1
        mode = ["blast"] if rate is None else ["rate", "--rate", f"{rate:.0f}"]
        before = Processors.now()
        sent = json.loads(self._source.run(self._program, *mode, "--to", self._to, "--size", size,
                                           "--seconds", str(seconds), "--run", str(self._run)))
        spent = Processors.now().since(before)
        received = self._received()
        # A queue on the way may still be emptying when the sender is done.
        span = max(received["seconds"], sent["seconds"])
        return Trial(sent["packets"], received["packets"], sent["seconds"], received["packets"] / span,
                     received["reordered"], received["socket_drops"], spent.busy_seconds, spent.stolen)

    def _received(self) -> dict[str, float]:
        """The sink's line about the run; when it saw no packet of it there is none."""
        mark = f'{{"run": {self._run},'
        try:
            wait_until(lambda: mark in self._sink.text(), SINK_PATIENCE, "")
        except CheckFailed:
            if not self._sink.running:
                raise CheckFailed(f"the sink ended: {self._sink.tail(3)}") from None
            return {"packets": 0, "seconds": 0, "reordered": 0, "socket_drops": 0}
        return json.loads(next(line for line in self._sink.text().splitlines() if line.startswith(mark)))


class Echo:
    """The other end of round trips, at the far host."""

    def __init__(self, way: Way, program: str) -> None:
        self._source, target, address = way.ends("up")
        self._program = program
        self._to = f"{address}:{PORT + 1}"
        self._process = way.site.lab.start_helper(target, "echo", [program, "echo", "--at", self._to])
        self._process.wait_for("ready", 5)

    def __enter__(self) -> Echo:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None,
                 _trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.log.unlink(missing_ok=True)

    def probe(self, seconds: float, *, interval: float, size: int) -> dict[str, float]:
        """Percentiles of round trips in µs, and what part of the questions had no answer."""
        text = self._source.run(self._program, "ping", "--to", self._to, "--size", str(size),
                                "--seconds", str(seconds), "--interval", str(interval))
        found = json.loads(text)
        return found | {"unanswered": found["unanswered"] / found["asked"]}
