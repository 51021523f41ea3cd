#!/usr/bin/env python3
"""The tunnel of scripts/demo: conf/server.conf and conf/client.conf between two network namespaces.

    ┌─ server namespace ─┐          ┌─ client namespace ─┐
    │ server  tun0    wan┼── veth ──┼wan    tun0  client │
    └────────────────────┘          └────────────────────┘
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.errors import CheckFailed
from support.lab import Lab, main_guard
from support.netns import Namespace, connect
from support.pki import Pki
from support.process import Process
from support.programs import COMPLETED
from support.throughput import tcp_stream
from support.traffic import Host, bulk_both_ways, ping

# What the programs say about themselves.
HANDSHAKE = r"(TLSv1\.\d, cipher [\w. -]+)"
CIPHER = r"Data [Cc]hannel: (?:[\w ]+, )?cipher '?([A-Z0-9-]+)"
DATA_PATH = r"data path: (.*)"

BULK_BYTES = 32 << 20
STREAM_SECONDS = 3

# Directives of the samples that a throw-away pair of daemons does without: other users, fixed places for files.
LEFT_OUT = {"user", "group", "chroot", "cd", "daemon", "log", "log-append", "syslog", "status", "writepid",
            "ifconfig-pool-persist", "client-config-dir", "crl-verify", "tls-auth", "tls-crypt", "tls-crypt-v2",
            "auth-user-pass", "management"}


def adapt(sample: str, changes: dict[str, str]) -> str:
    """The sample configuration with our own addresses and files: every directive of `changes` occurs exactly once."""
    kept = [line for line in sample.splitlines()
            if not (words := line.split()) or words[0] not in LEFT_OUT | changes.keys()]
    return "\n".join(kept + [f"{name} {value}" for name, value in changes.items()]) + "\n"


def last(log: Process, pattern: str) -> str:
    """The last thing of this form that the program said."""
    found = re.findall(pattern, log.text())
    return found[-1].strip() if found else "not told"


class Demo:
    def __init__(self, lab: Lab, vpnd: str) -> None:
        self._lab, self._vpnd = lab, str(Path(vpnd).resolve())
        self._pki = Pki(lab.directory / "pki")
        self._server, self._client = lab.namespace("server"), lab.namespace("client")
        self._link = connect(self._server, self._client)

    def run(self) -> None:
        files = {"ca": self._pki.path("ca.crt"), "tls-crypt": self._pki.path("tls-crypt.key")}
        local, remote = {"local": self._link.v4[0], "dh": "none"}, {"remote": f"{self._link.v4[0]} 1194"}
        server = self._start(self._server, "server", local | self._with(files, "server"))
        server.wait_for(COMPLETED, 15)
        client = self._start(self._client, "client", remote | self._with(files, "client"))
        client.wait_for(COMPLETED, 20)
        self._report(client)

    def _with(self, files: dict[str, Path], name: str) -> dict[str, str]:
        own = {"cert": self._pki.path(f"{name}.crt"), "key": self._pki.path(f"{name}.key")}
        return {directive: str(path) for directive, path in (files | own).items()} | {"verb": "3"}

    def _start(self, namespace: Namespace, name: str, changes: dict[str, str]) -> Process:
        config = self._lab.write(f"{name}.conf", adapt((ROOT / "conf" / f"{name}.conf").read_text(), changes))
        return self._lab.start(namespace, name, [self._vpnd, "--config", str(config)])

    def _report(self, client: Process) -> None:
        server_host = Host(self._server, *self._tunnel_addresses(self._server))
        client_host = Host(self._client, *self._tunnel_addresses(self._client))
        print(f"  bare link    {self._link.v4[1]} → {self._link.v4[0]}")
        print(f"  tunnel       {' and '.join(filter(None, client_host.addresses))} → "
              f"{' and '.join(filter(None, server_host.addresses))}")
        print(f"  handshake    {last(client, HANDSHAKE)}")
        print(f"  cipher       {last(client, CIPHER)}")
        print(f"  data path    {last(client, DATA_PATH)}", flush=True)
        inside = ping(self._client, server_host.v4, count=50)
        bare = ping(self._client, self._link.v4[0], count=50)
        print(f"  round trip   {inside:.2f} ms through the tunnel, {bare:.2f} ms on the bare link", flush=True)
        bulk_both_ways(self._lab, client_host, server_host, BULK_BYTES)
        print(f"  checksums    {BULK_BYTES >> 20} MiB up and {BULK_BYTES >> 20} MiB down arrived as they were sent",
              flush=True)
        inside = tcp_stream(self._lab, self._client, self._server, server_host.v4, STREAM_SECONDS)
        bare = tcp_stream(self._lab, self._client, self._server, self._link.v4[0], STREAM_SECONDS)
        print(f"  throughput   {inside.gbit_per_second:.2f} Gbit/s through the tunnel, {bare.gbit_per_second:.2f} "
              f"on the bare link (one TCP stream, {STREAM_SECONDS} s)")

    @staticmethod
    def _tunnel_addresses(namespace: Namespace) -> tuple[str, str]:
        """The IPv4 and the global IPv6 address of tun0; an empty text stands for none."""
        text = namespace.ip("-o", "address", "show", "dev", "tun0", "scope", "global")
        v4, v6 = re.search(r"inet ([\d.]+)", text), re.search(r"inet6 ([0-9a-f:]+)", text)
        return (v4.group(1) if v4 else ""), (v6.group(1) if v6 else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vpnd", required=True, metavar="PATH")
    options = parser.parse_args()
    print("a server and a client, each in a network namespace of its own, with a throw-away PKI", flush=True)
    with Lab("demo") as lab:
        try:
            Demo(lab, options.vpnd).run()
        except CheckFailed as failure:
            print(f"failed: {failure}\n{lab.tails()}", file=sys.stderr)
            return 1
    print("all of it is gone again")
    return 0


if __name__ == "__main__":
    main_guard(main)
