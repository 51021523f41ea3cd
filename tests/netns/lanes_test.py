#!/usr/bin/env python3
"""A session with several lanes of the batch channel: both carry traffic, each floats by itself, and one may die.

    ┌─ server ─┐             ┌─ router ─┐             ┌─ client ─┐
    │ vpnd  lan┼─ 192.0.1.0 ─┼lan    wan┼─ 192.0.2.0 ─┼wan  vpnd │
    └──────────┘             └──────────┘             └──────────┘

The router counts the datagrams of each of the client's ports, and plays a NAT device that gives one of them another port, or
loses what belongs to it.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.errors import CheckFailed, check
from support.lab import Lab, main_guard, missing_privilege
from support.netns import Link, connect
from support.pki import Pki
from support.process import Process, wait_until
from support.programs import Program, find_program
from support.runner import Case, CaseFailed, run_cases
from support.traffic import Host, Pings, Transfer, bulk_both_ways, ping
from support.tunnel import PORT, TunnelOptions, open_tunnel_over

EXIT_SKIPPED = 77
WORKERS = "2"
FLOWS = 16  # that all of them fall into one of two tun queues happens once in 30,000 times
FLOW_SIZE = 400_000
BULK = 8_000_000
PACE = 4_000_000  # bytes a second: a new key every second or two
NEW_KEYS = "[Nn]ew data keys"
LANE_PORT = re.compile(r"lane 1 is at [\d.]+:(\d+)")
NEW_PORT = 50123


class Road:
    """Server and client with the router between them, and a tunnel over it that has two lanes."""

    def __init__(self, lab: Lab, pki: Pki, program: Program, *lines: str) -> None:
        self.lab = lab
        server, self.router, client = (lab.namespace(n) for n in ("server", "router", "client"))
        first = connect(server, self.router, device="lan", subnet=1, wire=True)
        last = connect(self.router, client, device="wan", subnet=2, wire=True)
        server.ip("route", "add", "default", "via", first.v4[1])
        client.ip("route", "add", "default", "via", last.v4[0])
        self.router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        options = TunnelOptions(server=list(lines), client=list(lines))
        tunnel = open_tunnel_over(lab, pki, (program, server), (program, client),
                                  Link((first.v4[0], last.v4[1]), (first.v6[0], last.v6[1])), options)
        self.server, self.client = tunnel.server, tunnel.client
        self.ends = (tunnel.server_host, tunnel.client_host)
        self.client.wait_for("batches in 2 lanes", 5)
        self.server.wait_for("in 2 lanes", 5)
        self.server.wait_for(LANE_PORT.pattern, 5)
        text = self.server.text()
        self.first_port = int(re.search(r"Peer Connection Initiated with [\d.]+:(\d+)", text).group(1))
        self.lane_port = int(LANE_PORT.search(text).group(1))

    def rules(self, *rules: str) -> None:
        """Replaces what the router does to what it forwards, before it does."""
        text = "\n    ".join(rules)
        table = ("table ip road\ndelete table ip road\ntable ip road {\n  chain arriving {\n"
                 f"    type filter hook prerouting priority -350;\n    {text}\n  }}\n}}\n")
        self.router.run("nft", "-f", str(self.lab.write("road.nft", table)))

    def counted(self) -> list[int]:
        """The packets that each of the rules counted."""
        listing = self.router.run("nft", "list", "chain", "ip", "road", "arriving")
        return [int(packets) for packets in re.findall(r"packets (\d+)", listing)]


def counters_of(*ports: int) -> list[str]:
    """For each port what comes from it, and what goes to it."""
    return [f"udp {side} {port} counter" for port in ports for side in ("sport", "dport")]


def handed_over(process: Process) -> int:
    """How many packets its workers have handed to each other."""
    before = process.count("handed_over=")
    process.send_signal(signal.SIGUSR2)
    process.wait_for("handed_over=", 5, count=before + int(WORKERS))
    return sum(int(n) for n in re.findall(r"handed_over=(\d+)", process.text())[-int(WORKERS):])


def many_flows(lab: Lab, first: Host, second: Host) -> None:
    flows = [Transfer(lab, *pair, size=FLOW_SIZE) for _ in range(FLOWS // 2) for pair in ((first, second), (second, first))]
    for flow in flows:
        flow.finish()


def both_lanes_carry_traffic_while_keys_change(road: Road) -> None:
    many_flows(road.lab, *road.ends)  # by now the lanes are in use
    road.rules(*counters_of(road.first_port, road.lane_port))
    before = [handed_over(process) for process in (road.server, road.client)]
    many_flows(road.lab, *road.ends)
    after = [handed_over(process) for process in (road.server, road.client)]
    check(min(road.counted()) > 50, f"datagrams from and to the two lanes: {road.counted()}")
    check(before == after, f"workers handed packets over: {before}, {after}")
    keys = road.client.count(NEW_KEYS)
    flows = [Transfer(road.lab, *pair, rate=PACE) for pair in (road.ends, road.ends[::-1])]
    road.client.wait_for(NEW_KEYS, 15, count=keys + 1)
    many_flows(road.lab, *road.ends)
    for flow in flows:
        flow.finish()
    for source, target in (road.ends, road.ends[::-1]):
        ping(source.namespace, target.v6)


def a_lane_floats_by_itself(road: Road) -> None:
    road.rules(f'iifname "wan" udp sport {road.lane_port} udp sport set {NEW_PORT}',
               *counters_of(road.first_port, NEW_PORT),
               f'iifname "lan" udp dport {NEW_PORT} udp dport set {road.lane_port}')
    many_flows(road.lab, *road.ends)
    road.server.wait_for(rf"lane 1 is at [\d.]+:{NEW_PORT}", 5)
    many_flows(road.lab, *road.ends)
    first_up, _, lane_up, lane_down = road.counted()
    check(min(first_up, lane_up, lane_down) > 50, f"datagrams of the lanes: {road.counted()}")
    check(road.server.count("floated to") == 0, "the session floated, too")
    bulk_both_ways(road.lab, *road.ends, BULK)


def a_dead_lane_does_not_end_the_session(road: Road) -> None:
    many_flows(road.lab, *road.ends)
    pings = Pings(road.lab, *road.ends)
    road.rules(*(f"udp {side} {road.lane_port} counter drop" for side in ("sport", "dport")))
    many_flows(road.lab, *road.ends)  # those that begin in the dead lane come through by the other one
    check(sum(road.counted()) > 0, "nothing was sent in the dead lane")
    pings.finish()
    for process in (road.server, road.client):
        check(process.count("Inactivity timeout") == 0, f"{process.name} gave up")
    road.rules()
    before = road.server.count("Peer Connection Initiated")
    many_flows(road.lab, *road.ends)
    check(road.server.count("Peer Connection Initiated") == before, "the client connected anew")


def the_session_ends_when_all_lanes_are_silent(road: Road) -> None:
    road.rules(f"udp sport {PORT} drop", f"udp dport {PORT} drop")
    for process in (road.server, road.client):
        process.wait_for("Inactivity timeout", 15)
    road.rules()
    road.client.wait_for("Initialization Sequence Completed", 15, count=2)
    wait_until(lambda: answers(road.ends[1], road.ends[0].v4), 15, "the tunnel carries packets again")


def answers(source: Host, address: str) -> bool:
    try:
        source.namespace.run("ping", "-q", "-n", "-c", "1", "-W", "1", address)
    except RuntimeError:
        return False
    return True


CASES: tuple[tuple[Callable[[Road], None], tuple[str, ...]], ...] = (
    (both_lanes_carry_traffic_while_keys_change, ("reneg-bytes 4000000",)),
    (a_lane_floats_by_itself, ()),
    (a_dead_lane_does_not_end_the_session, ("keepalive 1 3",)),
    (the_session_ends_when_all_lanes_are_silent, ("keepalive 1 3",)),
)


def play(body: Callable[[Road], None], lines: tuple[str, ...], pki: Pki, program: Program) -> str:
    with Lab("lanes") as lab:
        try:
            body(Road(lab, pki, program, *lines))
        except (CheckFailed, RuntimeError, OSError) as error:
            raise CaseFailed(str(error), lab.tails()) from error
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vpnd", default="vpnd", metavar="PATH", help="the vpnd to test")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name holds this")
    options = parser.parse_args()
    if (reason := missing_privilege()) is not None:
        print(f"lanes skipped: {reason}")
        return EXIT_SKIPPED
    program = find_program("vpnd", options.vpnd, WORKERS)
    if program is None:
        raise SystemExit(f"{options.vpnd} is not built")
    with tempfile.TemporaryDirectory(prefix="vpnd-pki-") as directory:
        pki = Pki(Path(directory))
        cases = [Case(body.__name__.replace("_", " "), lambda body=body, lines=lines: play(body, lines, pki, program))
                 for body, lines in CASES if options.only in body.__name__]
        totals = run_cases(cases, 2)
    return 1 if totals.failed or not totals.passed else 0


if __name__ == "__main__":
    main_guard(main)
