"""What is measured of each contestant: bulk TCP, small packets, round trips, and a web page fetched over and over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from support.errors import CheckFailed, check
from support.processors import Processors
from support.throughput import tcp_stream

from .contestants import Way
from .search import highest_rate
from .site import CONGESTION_CONTROL
from .traffic import Echo, PacketPath, Trial

SIZES = ("18", "64", "256", "1400", "imix")
PROBE_SIZE = 64
PROBE_INTERVAL = 0.001
MODERATE_LOAD = "200M"  # bits per second, which everything here can carry and leaves processors idle
LOAD_LEAD = 1  # seconds of bulk before probing
LOAD_TAIL = 3  # and at least so many for the last answers
WEB_PORT = 80
WEB_CONNECTIONS = 8

# (measure, figures, part of the time stolen)
Result = tuple[str, dict[str, float], float]


@dataclass(frozen=True)
class Amounts:
    """How much of everything."""

    traffic: str  # the packet generator
    seconds: int = 5  # of a bulk transfer, and of probing
    burst_seconds: float = 1.0  # of packets as fast as it goes
    trial_seconds: float = 0.5  # of packets at one rate of the search
    requests: int = 500
    object_bytes: int = 10_000_000


@dataclass
class Laboratory:
    amounts: Amounts
    _guesses: dict[tuple[str, str], float] = field(default_factory=dict)  # by contestant and size, from earlier rounds

    def bulk(self, way: Way, direction: str, streams: int) -> Iterator[Result]:
        source, target, address = way.ends(direction)
        found = tcp_stream(way.site.lab, source, target, address, self.amounts.seconds, congestion=CONGESTION_CONTROL,
                           streams=streams)
        yield f"bulk.{direction}.{streams}", {
            "gbit_per_second": found.gbit_per_second, "retransmits": found.retransmits,
            "cpu_seconds_per_gigabyte": found.cpu_seconds_per_gigabyte}, found.stolen

    def overload(self, way: Way, size: str) -> Iterator[Result]:
        with PacketPath(way, self.amounts.traffic) as path:
            yield self._result(size, "overload", path.send(size, self.amounts.burst_seconds))

    def packets(self, way: Way, size: str) -> Iterator[Result]:
        """Both as fast as the sender can, and the highest rate without loss."""
        with PacketPath(way, self.amounts.traffic) as path:
            overload = path.send(size, self.amounts.burst_seconds)
            yield self._result(size, "overload", overload)
            best = highest_rate(lambda rate: path.send(size, self.amounts.trial_seconds, rate), overload,
                                self._guesses.get((way.contestant, size)))
        if best is None:
            yield f"packets.{size}.lossless", {"packets_per_second": 0.0}, overload.stolen
            return
        self._guesses[way.contestant, size] = best.sent_per_second
        yield self._result(size, "lossless", best)

    @staticmethod
    def _result(size: str, kind: str, trial: Trial) -> Result:
        return f"packets.{size}.{kind}", {
            "packets_per_second": trial.received_per_second, "offered_per_second": trial.sent_per_second,
            "loss": trial.loss, "reordered": trial.reordered, "socket_drops": trial.socket_drops,
            "cpu_seconds_per_million": trial.cpu_seconds_per_million}, trial.stolen

    def idle(self, way: Way) -> Iterator[Result]:
        with Echo(way, self.amounts.traffic) as echo:
            yield self._probe(echo, "idle")

    def moderate(self, way: Way) -> Iterator[Result]:
        """Beside a TCP stream of a rate that all can carry, in the direction of the questions."""
        yield self._beside_stream(way, "moderate", "-b", MODERATE_LOAD)

    def loaded(self, way: Way) -> Iterator[Result]:
        """Beside a TCP stream as fast as it goes."""
        yield self._beside_stream(way, "loaded")

    def _beside_stream(self, way: Way, kind: str, *load: str) -> Result:
        lab = way.site.lab
        source, target, address = way.ends("up")
        seconds = self.amounts.seconds + LOAD_LEAD + LOAD_TAIL
        server = lab.start_helper(target, "iperf3-server", ["iperf3", "-s", "-1", "--forceflush", "-B", address])
        server.wait_for("Server listening", 5)
        client = lab.start_helper(source, "iperf3-client", [
            "iperf3", "-c", address, "-t", str(seconds), "-i", str(LOAD_LEAD), "--forceflush", "-C",
            CONGESTION_CONTROL, *load])
        try:
            client.wait_for(r"bits/sec", LOAD_LEAD + 5)
            with Echo(way, self.amounts.traffic) as echo:
                found = self._probe(echo, kind)
            check(client.running, f"the load ended too early: {client.tail(3)}")
            return found
        finally:
            lab.stop(client, server)
            for process in (client, server):
                process.log.unlink(missing_ok=True)

    def _probe(self, echo: Echo, kind: str) -> Result:
        before = Processors.now()
        found = echo.probe(self.amounts.seconds, interval=PROBE_INTERVAL, size=PROBE_SIZE)
        return f"latency.{kind}", found, Processors.now().since(before).stolen

    def http(self, way: Way) -> Iterator[Result]:
        """ApacheBench at the near host, a server with one large object at the far one."""
        client, host, address = way.ends("up")
        server = way.site.lab.start_helper(host, "web", [
            self.amounts.traffic, "serve", "--at", f"{address}:{WEB_PORT}", "--size", str(self.amounts.object_bytes)])
        try:
            server.wait_for("ready", 5)
            before = Processors.now()
            report = client.run("ab", "-q", "-k", "-c", str(WEB_CONNECTIONS), "-n", str(self.amounts.requests),
                                f"http://{address}:{WEB_PORT}/object", timeout=600)
            spent = Processors.now().since(before)
        except RuntimeError as error:
            raise CheckFailed(f"ab: {error}") from None
        finally:
            server.kill()
            server.log.unlink(missing_ok=True)
        check(_number(report, "Failed requests") == 0, f"ab: failed requests\n{report}")
        fetched = _number(report, "HTML transferred")
        check(fetched == self.amounts.requests * self.amounts.object_bytes, f"ab: {fetched:.0f} bytes came")
        yield "http", {"gbit_per_second": fetched * 8 / 1e9 / _number(report, "Time taken for tests"),
                       "cpu_seconds_per_gigabyte": spent.busy_seconds / fetched * 1e9}, spent.stolen


def _number(report: str, name: str) -> float:
    """The figure that ab gives under this name."""
    found = re.search(rf"^{name}:\s+([\d.]+)", report, re.MULTILINE)
    check(found is not None, f"ab says nothing about {name}:\n{report}")
    return float(found.group(1))


Step = Callable[[Way], Iterator[Result]]


def steps(laboratory: Laboratory, profile: str, groups: set[str], sizes: Sequence[str] = SIZES, *,
          quick: bool = False) -> list[Step]:
    """What one round in this profile consists of, each to be done with every contestant before the next."""
    if profile == "http":
        return [laboratory.http] if "http" in groups else []
    if profile == "lossy" or quick:
        bulk = [("up", 1)]
    else:
        bulk = [("up", 1), ("down", 1)] + ([("up", 8), ("down", 8)] if profile != "gigabit" else [])
    chosen: list[Step] = []
    if "bulk" in groups:
        chosen += [lambda way, d=direction, n=streams: laboratory.bulk(way, d, n) for direction, streams in bulk]
    if profile == "lossy":
        return chosen
    if "packets" in groups and quick:
        chosen.append(lambda way: laboratory.overload(way, SIZES[0]))
    elif "packets" in groups and profile != "gigabit":
        chosen += [lambda way, s=size: laboratory.packets(way, s) for size in sizes]
    if "latency" in groups and not quick:
        chosen += [laboratory.idle, laboratory.moderate, laboratory.loaded]
    return chosen
