#!/usr/bin/env python3
"""A flood of hostile packets: the tunnel stays up, memory stays flat, and every drop is counted by its reason.

    ┌─ server namespace ─┐          ┌─ client namespace ─────────┐
    │ server          wan┼── veth ──┼wan  client, and the flood  │
    └────────────────────┘          └────────────────────────────┘

The flood tool overhears the client and then sends, under its address: packets with its peer id and a forged tag,
replays of what it sent, the same cut short, random bytes, and connection attempts from random ports.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.errors import CheckFailed, check
from support.lab import Lab, main_guard, missing_privilege
from support.netns import Namespace
from support.pki import Pki
from support.process import Process
from support.programs import COMPLETED, find_program
from support.traffic import Pings, ping
from support.tunnel import PORT, Tunnel, TunnelOptions, open_tunnel

EXIT_SKIPPED = 77
KINDS = ("forged", "replayed", "truncated", "random", "resets")
# Of these every single packet is a drop; among random bytes and resets some begin a handshake.
ALWAYS_DROPPED = ("forged", "replayed", "truncated")
WARM_UP = 20_000
MOST_GROWTH_KB = 4096
ACCOUNTED = 0.999  # the rest may be waiting somewhere when the counters are read


def resident_kb(pid: int) -> int:
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1))


def receive_queue_drops(namespace: Namespace) -> int:
    """Datagrams that the kernel dropped before the server saw them, because its socket buffer was full."""
    names, values = (line.split() for line in namespace.run("cat", "/proc/net/snmp").splitlines()
                     if line.startswith("Udp: "))
    return int(dict(zip(names, values))["RcvbufErrors"])


def drops_by_reason(server: Process) -> dict[str, int]:
    """Asks for the counters (SIGUSR2) and reads the last line `drops: reason=number …` of the log."""
    before = server.count("drops:")
    server.send_signal(signal.SIGUSR2)
    server.wait_for("drops:", 5, count=before + 1)
    line = re.findall(r"drops:(.*)", server.text())[-1]
    return {reason: int(number) for reason, number in re.findall(r"([\w-]+)=(\d+)", line)}


class FloodTest:
    def __init__(self, lab: Lab, tunnel: Tunnel, flood: str, options: argparse.Namespace, counts_drops: bool) -> None:
        self._lab, self._tunnel, self._flood, self._options = lab, tunnel, flood, options
        self._counts_drops = counts_drops

    def run(self) -> None:
        self._send(KINDS, WARM_UP)  # pools and tables reach their size
        first = resident_kb(self._tunnel.server.pid)
        for kind in KINDS:
            self._flood_with(kind, first)
        check(self._tunnel.client.count(COMPLETED) == 1, "the client had to connect again")

    def _flood_with(self, kind: str, first_kb: int) -> None:
        server = self._tunnel.server
        lost_before = receive_queue_drops(self._tunnel.server_host.namespace)
        drops_before = drops_by_reason(server) if self._counts_drops else {}
        started = time.monotonic()
        self._send((kind,), self._options.count)
        seconds = time.monotonic() - started
        check(server.running, "the server is gone")
        ping(self._tunnel.client_host.namespace, self._tunnel.server_host.v4)
        resident = resident_kb(server.pid)
        lost = receive_queue_drops(self._tunnel.server_host.namespace) - lost_before
        drops = drops_by_reason(server) if self._counts_drops else {}
        new = {reason: drops[reason] - drops_before.get(reason, 0) for reason in drops
               if drops[reason] > drops_before.get(reason, 0)}
        print(f"{kind}: {self._options.count} in {seconds:.1f} s, resident {resident} kB, full socket buffer {lost}, "
              f"drops {new or 'not told by this program'}", flush=True)
        check(resident - first_kb <= MOST_GROWTH_KB, f"memory grew from {first_kb} to {resident} kB")
        if self._counts_drops and kind in ALWAYS_DROPPED:
            accounted = sum(new.values()) + lost
            check(accounted >= ACCOUNTED * self._options.count, f"only {accounted} drops are accounted for")

    def _send(self, kinds: tuple[str, ...], count: int) -> None:
        namespace = self._tunnel.client_host.namespace
        pings = Pings(self._lab, self._tunnel.client_host, self._tunnel.server_host)  # something to overhear
        argv = (self._flood, "wan", self._tunnel.link.v4[0], str(PORT), str(count), str(self._options.rate), *kinds)
        try:
            namespace.run(*argv, timeout=60 + 3 * count * len(kinds) / self._options.rate)
        except RuntimeError as error:
            raise CheckFailed(str(error)) from None
        finally:
            pings.finish()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flood", required=True, metavar="PATH", help="the flood program built beside this test")
    parser.add_argument("--vpnd", default="vpnd", metavar="PATH", help="the vpnd to test")
    parser.add_argument("--roles", default="vpnd:vpnd", metavar="SERVER:CLIENT", help="programs for the two roles")
    parser.add_argument("--count", type=int, default=1_000_000, metavar="N", help="packets of each kind")
    parser.add_argument("--rate", type=int, default=100_000, metavar="N", help="packets per second")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if (reason := missing_privilege()) is not None:
        print(f"flood skipped: {reason}")
        return EXIT_SKIPPED
    server, client = (find_program(name, options.vpnd) for name in options.roles.split(":"))
    if server is None or client is None:
        raise SystemExit(f"{options.roles}: a program is not installed")
    with tempfile.TemporaryDirectory(prefix="vpnd-pki-") as directory, Lab("flood") as lab:
        try:
            tunnel = open_tunnel(lab, Pki(Path(directory)), server, client, TunnelOptions())
            FloodTest(lab, tunnel, options.flood, options, server.is_vpnd).run()
        except CheckFailed as failure:
            print(f"FAIL {failure}\n{lab.tails()}")
            return 1
    print("PASS the tunnel stood through the flood")
    return 0


if __name__ == "__main__":
    main_guard(main)
