"""Traffic through a tunnel, each kind with its own expectation."""

from __future__ import annotations

import itertools
import re
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .errors import CheckFailed, check
from .lab import Lab
from .netns import Namespace
from .process import Process

_STREAM = str(Path(__file__).with_name("stream.py"))
_RELAY = str(Path(__file__).with_name("relay.py"))
_ports = itertools.count(20000)


@dataclass(frozen=True)
class Host:
    """A namespace and the address under which the others reach it, one per IP version."""

    namespace: Namespace
    v4: str
    v6: str

    @property
    def addresses(self) -> tuple[str, str]:
        return self.v4, self.v6


def relay_command(listen: str, to: str, *road: str) -> list[str]:
    """Runs relay.py; `road` are its options that make the road worse."""
    return [sys.executable, _RELAY, "--listen", listen, "--to", to, *road]


def ping(source: Namespace, address: str, *, count: int = 3, timeout: float = 10, own_address: str = "") -> float:
    """Checks that echo requests are answered; returns the average round trip in milliseconds."""
    try:
        text = source.run("ping", "-q", "-n", "-c", str(count), "-i", "0.02", "-w", str(int(timeout)),
                          *(("-I", own_address) if own_address else ()), address)
    except RuntimeError as error:
        raise CheckFailed(f"no answer from {address}: {error}") from None
    return float(re.search(r"= [\d.]+/([\d.]+)/", text).group(1))


def ping_both_ways(first: Host, second: Host) -> None:
    for source, target in ((first, second), (second, first)):
        for address in target.addresses:
            ping(source.namespace, address)


class Transfer:
    """A TCP stream from one host to another, with a checksum taken at either end."""

    def __init__(self, lab: Lab, source: Host, target: Host, *, size: int = 0, rate: int = 0, family: int = 4) -> None:
        """With `size` it sends that many bytes at once; with `rate` so many a second until finish()."""
        port = str(next(_ports))
        address = target.v4 if family == 4 else target.v6
        python = sys.executable
        self._started = time.monotonic()
        self._paced = size == 0
        self._receiver = lab.start_helper(target.namespace, f"receive-{port}",
                                          [python, _STREAM, "receive", address, port])
        self._receiver.wait_for("^ready", 15)
        verb, amount = ("pace", rate) if self._paced else ("send", size)
        self._sender = lab.start_helper(source.namespace, f"send-{port}",
                                        [python, _STREAM, verb, address, port, str(amount)], keep_stdin=self._paced)

    def finish(self, timeout: float = 60) -> float:
        """Waits for the last byte, checks that what was sent is what came, and returns the bytes per second."""
        if self._paced:
            self._sender.close_stdin()
        for process in (self._sender, self._receiver):
            check(process.wait(timeout) == 0, f"{process.name} failed: {process.tail(3)}")
        sent, received = self._result(self._sender), self._result(self._receiver)
        check(sent == received, f"sent {sent}, received {received}")
        return int(sent.split()[0]) / (time.monotonic() - self._started)

    @staticmethod
    def _result(process: Process) -> str:
        return process.text().splitlines()[-1]


def bulk_both_ways(lab: Lab, first: Host, second: Host, size: int) -> None:
    """Over IPv4 one way and, where the tunnel has it, over IPv6 the other."""
    for family, (source, target) in zip((4, 6 if first.v6 else 4), ((first, second), (second, first))):
        Transfer(lab, source, target, size=size, family=family).finish()


class Pings:
    """Echo requests at a steady pace, from construction until finish()."""

    def __init__(self, lab: Lab, source: Host, target: Host) -> None:
        argv = ["ping", "-n", "-i", "0.05", target.v4]
        self._process = lab.start_helper(source.namespace, f"pings-{next(_ports)}", argv)

    def finish(self) -> tuple[int, int]:
        """Returns how many requests were sent and how many of them were lost on the way."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(5)
        return lost_pings(self._process.text())


def lost_pings(report: str) -> tuple[int, int]:
    """Of the report of ping(8): requests sent and lost. Those after the last one that was answered may still have been on
    their way when ping was stopped, so they count as lost only when there are many: a whole second's."""
    found = re.search(r"(\d+) packets transmitted", report)
    check(found is not None, f"ping said nothing: {report[-300:]}")
    sent = int(found.group(1))
    answered = {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl=", report)}
    last = max(answered, default=0)
    under_way = sent - last
    return sent, last - len(answered) + (under_way if under_way >= 20 else 0)
