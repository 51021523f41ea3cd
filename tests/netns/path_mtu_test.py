#!/usr/bin/env python3
"""Paths that take less than either end's device: the batch channel finds out how much, and nothing is fragmented.

    ┌─ server ─┐        ┌─ near ─┐   narrow    ┌─ far ─┐        ┌─ client ─┐
    │       lan┼─ 1500 ─┼lan  wan┼─ 1400/1280 ─┼wan lan┼─ 1500 ─┼lan       │
    └──────────┘        └────────┘             └───────┘        └──────────┘

Every namespace counts the IP fragments that reach it, and the routers count the packets that are exactly as large as the
narrow link takes. In one case the routers keep to themselves that a packet was too large (no ICMP message).
"""

from __future__ import annotations

import argparse
import itertools
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.errors import CheckFailed, check
from support.lab import Lab, main_guard, missing_privilege
from support.netns import Link, Namespace, connect
from support.pki import Pki
from support.process import wait_until
from support.programs import Program, find_program
from support.runner import Case, CaseFailed, run_cases
from support.traffic import Host, Transfer, bulk_both_ways, lost_pings, ping
from support.tunnel import TunnelOptions, open_tunnel_over

EXIT_SKIPPED = 77
BULK = 8_000_000
PACE = 2_000_000  # bytes a second: enough for records of full size
IP_AND_ICMP = 28
MIN_IPV6_MTU = 1280

# Before the kernel puts fragments together (priority -400).
RULES = """
table inet path {{
  counter fragments {{}}
  counter full_size {{}}
  chain arriving {{
    type filter hook prerouting priority -450;
    ip frag-off & 0x3fff != 0 counter name fragments
    exthdr frag exists counter name fragments
    iifname "{device}" meta length {mtu} counter name full_size
  }}
  chain own {{
    type filter hook output priority 0;
    {icmp}
  }}
}}
"""
SILENCE = "icmp code frag-needed icmp type destination-unreachable drop; icmpv6 type packet-too-big drop"


@dataclass(frozen=True)
class NarrowPath:
    mtu: int
    family: int
    tun_mtu: int
    tells: bool  # the routers send ICMP messages

    @property
    def name(self) -> str:
        silence = "" if self.tells else ", no ICMP"
        return f"path MTU {self.mtu}, IPv{self.family}, tun-mtu {self.tun_mtu}{silence}"


SOME_PATHS = (NarrowPath(1400, 4, 1500, False), NarrowPath(1400, 6, 9000, True), NarrowPath(1280, 4, 9000, True),
              NarrowPath(1280, 6, 1500, True))
ALL_PATHS = tuple(NarrowPath(*values)
                  for values in itertools.product((1500, 1400, 1280), (4, 6), (1500, 9000), (True, False)))
AT_A_TIME = 4


class Road:
    """Server and client with two routers between them."""

    def __init__(self, lab: Lab, path: NarrowPath) -> None:
        self.server, self.near, self.far, self.client = (lab.namespace(n) for n in ("server", "near", "far", "client"))
        first = connect(self.server, self.near, device="lan", subnet=1, wire=True)
        connect(self.near, self.far, device="wan", subnet=2, wire=True)
        last = connect(self.far, self.client, device="lan", subnet=3, wire=True)
        for end, gateway in ((self.server, 1), (self.client, 0)):
            link = first if end is self.server else last
            end.ip("route", "add", "default", "via", link.v4[gateway])
            end.ip("-6", "route", "add", "default", "via", link.v6[gateway])
        for router, subnet, hop in ((self.near, 3, 2), (self.far, 1, 1)):
            router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
            router.ip("link", "set", "wan", "mtu", str(path.mtu))
            router.ip("route", "add", f"192.0.{subnet}.0/24", "via", f"192.0.2.{hop}")
            router.ip("-6", "route", "add", f"fd00:{subnet}::/64", "via", f"fd00:2::{hop}")
        self.link = Link((first.v4[0], last.v4[1]), (first.v6[0], last.v6[1]))
        for namespace in (self.server, self.near, self.far, self.client):
            self._count(lab, namespace, path)

    @staticmethod
    def _count(lab: Lab, namespace: Namespace, path: NarrowPath) -> None:
        rules = RULES.format(device="wan", mtu=path.mtu, icmp="" if path.tells else SILENCE.replace("; ", "\n    "))
        namespace.run("nft", "-f", str(lab.write(f"{namespace.name}.nft", rules)))

    def fragments(self) -> int:
        return sum(counter(namespace, "fragments") for namespace in (self.server, self.near, self.far, self.client))

    def reset(self) -> None:
        for namespace in (self.server, self.near, self.far, self.client):
            namespace.run("nft", "reset", "counters")


def counter(namespace: Namespace, name: str) -> int:
    return int(re.search(r"packets (\d+)", namespace.run("nft", "list", "counter", "inet", "path", name)).group(1))


def check_counters_work(road: Road, family: int) -> None:
    """What the kernel fragments is seen, or seeing none would mean nothing. (The first one may only teach it the MTU.)"""
    subprocess.run(road.client.command("ping", "-q", "-n", "-c", "2", "-i", "0.2", "-s", "3000", "-W", "2",
                                       road.link.address(0, family)), capture_output=True)
    check(road.fragments() > 0, "fragments are not counted")
    road.reset()


def play(path: NarrowPath, pki: Pki, program: Program) -> str:
    with Lab("path-mtu") as lab:
        try:
            return run(lab, path, pki, program)
        except (CheckFailed, RuntimeError, OSError) as error:
            raise CaseFailed(str(error), lab.tails()) from error


def run(lab: Lab, path: NarrowPath, pki: Pki, program: Program) -> str:
    road = Road(lab, path)
    check_counters_work(road, path.family)
    lines = [f"tun-mtu {path.tun_mtu}"]
    options = TunnelOptions(proto=f"udp{path.family}", server=lines, client=lines)
    tunnel = open_tunnel_over(lab, pki, (program, road.server), (program, road.client), road.link, options)
    road.reset()  # those of the handshake are not the batch channel's

    ends = (tunnel.server_host, tunnel.client_host)
    flows = [Transfer(lab, *pair, rate=PACE) for pair in (ends, ends[::-1])]  # while the size is looked for
    for router, direction in ((road.far, "down"), (road.near, "up")):
        wait_until(lambda router=router: counter(router, "full_size") > 0, 15, f"full-size packets {direction}")
    for flow in flows:
        flow.finish()
    bulk_both_ways(lab, *ends, BULK)
    for source, target in (ends, ends[::-1]):
        ping(source.namespace, target.v4)
        whole = str(path.tun_mtu - IP_AND_ICMP)  # the MTU inside is what it was
        source.namespace.run("ping", "-q", "-n", "-c", "2", "-i", "0.1", "-W", "5", "-M", "do", "-s", whole, target.v4)
    check_own_device_narrows(road, path, *ends)
    check(road.fragments() == 0, f"{road.fragments()} fragments were on the way")
    return ""


def check_own_device_narrows(road: Road, path: NarrowPath, near: Host, far: Host) -> None:
    """The kernel refuses what is too large by then, and says so: a datagram or two are lost, not seconds of them."""
    for end in (road.server, road.client):
        end.ip("link", "set", "lan", "mtu", str(path.mtu - 20 if path.family == 4 else MIN_IPV6_MTU))
    whole = str(path.tun_mtu - IP_AND_ICMP)
    report = near.namespace.run("ping", "-n", "-c", "12", "-i", "0.2", "-W", "5", "-M", "do", "-s", whole, far.v4)
    _, lost = lost_pings(report)
    check(lost <= 4, f"{lost} of 12 packets were lost after the own device had become narrower")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vpnd", default="vpnd", metavar="PATH", help="the vpnd to test")
    parser.add_argument("--all", action="store_true", help="every combination instead of a few")
    options = parser.parse_args()
    if (reason := missing_privilege()) is not None:
        print(f"path MTU skipped: {reason}")
        return EXIT_SKIPPED
    program = find_program("vpnd", options.vpnd)
    if program is None:
        raise SystemExit(f"{options.vpnd} is not built")
    with tempfile.TemporaryDirectory(prefix="vpnd-pki-") as directory:
        pki = Pki(Path(directory))
        paths = ALL_PATHS if options.all else SOME_PATHS
        totals = run_cases([Case(path.name, lambda path=path: play(path, pki, program)) for path in paths], AT_A_TIME)
    return 1 if totals.failed or not totals.passed else 0


if __name__ == "__main__":
    main_guard(main)
