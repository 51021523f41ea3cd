"""What every combination has to live through, in the order in which it happens.

    ┌──────── client namespace ────────┐          ┌─ server namespace ─┐
    │ client ─┬──────────────────── wan┼── veth ──┼wan         server  │
    │         └─ relay on loopback ─┘  │          │                    │
    └──────────────────────────────────┘          └────────────────────┘

The first connection is direct. The second one of a UDP case goes over the relay, which changes its source port on
request (float) and, in the lossy cases, loses, repeats, reorders and damages datagrams.
"""

from __future__ import annotations

import re
import signal
import time
from dataclasses import dataclass

from peers import PORT, TUNNEL_SERVER, Combination
from support.errors import CheckFailed, check
from support.lab import Lab
from support.netns import connect
from support.pki import Pki
from support.process import Process, wait_until
from support.programs import COMPLETED
from support.runner import CaseFailed
from support.status import ConnectedClient, connected_clients
from support.traffic import Host, Pings, Transfer, bulk_both_ways, ping_both_ways, relay_command

OPENVPN_DEPARTURE = "client-instance (exiting|restarting)"

RENEG_SECONDS = 4
RELAY_PORT = 1195
BULK_BYTES = 8 << 20
LOSSY_BULK_BYTES = 256 << 10
PACE_BYTES_PER_SECOND = 2_000_000
LOSSY_PACE_BYTES_PER_SECOND = 20_000
CONNECT_SECONDS = 20
LOSSY_CONNECT_SECONDS = 60
BAD_ROAD = ("--drop", "0.05", "--repeat", "0.05", "--reorder", "0.05", "--flip", "0.01")


@dataclass(frozen=True)
class Options:
    lossy: bool = False
    wire: bool = False


def play(combination: Combination, pki: Pki, options: Options) -> str:
    """Runs the whole scenario; returns a remark for the report."""
    with Lab("interop") as lab:
        stage = ["set-up"]
        try:
            return _Scenario(lab, combination, pki, options, stage).play()
        except (CheckFailed, RuntimeError, OSError) as error:
            raise CaseFailed(f"while: {stage[0]}: {error}", lab.tails()) from error


class _Scenario:
    def __init__(self, lab: Lab, combination: Combination, pki: Pki, options: Options, stage: list[str]) -> None:
        self.lab, self.combination, self.pki, self.options, self._stage = lab, combination, pki, options, stage
        server, client = lab.namespace("server"), lab.namespace("client")
        link = connect(server, client, wire=options.wire)
        self._outer = link.address(0, combination.outer_family)
        self._server_host = Host(server, *TUNNEL_SERVER)
        self._client_namespace = client
        self._status = lab.directory / "status"
        self._relay: Process | None = None
        self._connect_seconds = LOSSY_CONNECT_SECONDS if options.lossy else CONNECT_SECONDS

    def play(self) -> str:
        udp = self.combination.udp
        self._say("connect")
        self._start_server(reneg_seconds=RENEG_SECONDS)
        self._start_client(reneg_seconds=0, over_relay=self.options.lossy)
        self._traffic()
        self._say("renegotiation from the server")
        self._renegotiate()
        self._say("restart of the server")
        self._restart_server()
        self._traffic()
        self._say("exit of the client")
        self._stop_client()
        self._say("second client")
        self._start_client(reneg_seconds=RENEG_SECONDS, over_relay=udp)
        self._say("renegotiation from the client")
        self._renegotiate()
        if udp:
            self._say("float")
            self._float()
        self._say("clean exit")
        self._stop_client()
        check(self.server.terminate() == 0, "the server's exit status is not 0")
        check(not self._server_host.namespace.has_interface("tun0"), "the server left its tun device behind")
        return ""

    def _say(self, stage: str) -> None:
        self._stage[0] = stage

    def _start_server(self, reneg_seconds: int) -> None:
        config = self.combination.server_config(self.lab, self.pki, self._outer, reneg_seconds)
        before = self._completions("server")
        self.server = self.lab.start(self._server_host.namespace, "server", self.combination.server.command(config))
        self.server.wait_for(COMPLETED, CONNECT_SECONDS, count=before + 1)

    def _start_client(self, reneg_seconds: int, *, over_relay: bool) -> None:
        address, port = self._start_relay() if over_relay else (self._outer, PORT)
        config = self.combination.client_config(self.lab, self.pki, address, port, reneg_seconds)
        before = self._completions("client")
        self.client = self.lab.start(self._client_namespace, "client", self.combination.client.command(config))
        self.client.wait_for(COMPLETED, self._connect_seconds, count=before + 1)
        self._meet_client()

    def _start_relay(self) -> tuple[str, int]:
        v4 = self.combination.outer_family == 4
        listen = f"127.0.0.1:{RELAY_PORT}" if v4 else f"[::1]:{RELAY_PORT}"
        target = f"{self._outer}:{PORT}" if v4 else f"[{self._outer}]:{PORT}"
        if self._relay is None:
            road = BAD_ROAD if self.options.lossy else ()
            self._relay = self.lab.start_helper(self._client_namespace, "relay", relay_command(listen, target, *road))
            self._relay.wait_for("relaying", 10)
        return ("127.0.0.1" if v4 else "::1"), RELAY_PORT

    def _meet_client(self) -> None:
        """Waits for the client in the server's status file, which also tells its addresses in the tunnel."""
        wait_until(lambda: len(self._clients()) == 1, 15, "one client in the status file")
        row = self._clients()[0]
        wanted = self.combination
        check(row.common_name == wanted.common_name, f"common name is {row.common_name}, not {wanted.common_name}")
        check(row.cipher == wanted.settings["cipher"], f"cipher is {row.cipher}")
        self._client_host = Host(self._client_namespace, row.virtual_address, row.virtual_v6)
        self._check_agreement()

    def _check_agreement(self) -> None:
        """What was negotiated is what this combination is about; otherwise it would pass without having been tried."""
        settings = self.combination.settings
        for process in (self.server, self.client):
            versions = set(re.findall(r"TLSv(1\.\d), cipher", process.text()))
            check(versions == {settings["tls"]}, f"{process.name} speaks TLS {versions}")
        stock = [process for process, program in ((self.server, self.combination.server),
                                                  (self.client, self.combination.client)) if not program.is_vpnd]
        for process in stock:  # It prints the push reply whole, be it sent or received.
            pushed = re.findall("PUSH_REPLY,[^']*", process.text())
            check(bool(pushed), f"{process.name} has seen no push reply")
            check(("tls-ekm" in pushed[-1]) == (settings["keys"] == "exporter"), f"not keys by {settings['keys']}")

    def _clients(self) -> list[ConnectedClient]:
        return connected_clients(self._status)

    def _completions(self, name: str) -> int:
        log = self.lab.directory / f"{name}.log"
        return log.read_text(errors="replace").count(COMPLETED) if log.exists() else 0

    def _traffic(self) -> None:
        if not self.options.lossy:
            self._say("ping")
            ping_both_ways(self._client_host, self._server_host)
        self._say("bulk transfer")
        size = LOSSY_BULK_BYTES if self.options.lossy else BULK_BYTES
        bulk_both_ways(self.lab, self._client_host, self._server_host, size)

    def _renegotiate(self) -> None:
        """Traffic in both directions while the keys change; TCP must lose no byte, and echo requests none at all.

        Only one side has a reneg-sec at any time, so it is known who starts it.
        """
        ends = ((self.server, self.combination.server), (self.client, self.combination.client))
        agreed = [process.count(program.keys_agreed) for process, program in ends]
        rate = LOSSY_PACE_BYTES_PER_SECOND if self.options.lossy else PACE_BYTES_PER_SECOND
        up = Transfer(self.lab, self._client_host, self._server_host, rate=rate, family=4)
        down = Transfer(self.lab, self._server_host, self._client_host, rate=rate, family=6)
        pings = Pings(self.lab, self._client_host, self._server_host)
        patience = RENEG_SECONDS + (20 if self.options.lossy else 6)
        for (process, program), before in zip(ends, agreed):
            process.wait_for(program.keys_agreed, patience, count=before + 1)
        time.sleep(1)  # traffic under the new keys
        up.finish()
        down.finish()
        sent, lost = pings.finish()
        if lost and not self.options.lossy:
            raise CheckFailed(f"{lost} of {sent} echo requests lost\n{self._where_packets_went()}")

    def _where_packets_went(self) -> str:
        """The counters of both devices and hosts; what the programs say of themselves is in the tails of their logs then."""
        for process in (self.server, self.client):
            process.send_signal(signal.SIGUSR2)
        time.sleep(0.5)
        return "".join(host.namespace.ip("-s", "link", "show", "dev", "tun0") +
                       host.namespace.run("nstat", "-as", "--zero", "*RcvbufErrors", "*InErrors", "IpOutDiscards")
                       for host in (self._server_host, self._client_host))

    def _restart_server(self) -> None:
        before = self._completions("client")
        check(self.server.terminate() == 0, "the server's exit status is not 0")
        self._status.unlink(missing_ok=True)
        self._start_server(reneg_seconds=0)
        self._say("the client's return to the restarted server")
        self.client.wait_for(COMPLETED, self._connect_seconds, count=before + 1)
        self._meet_client()

    def _stop_client(self) -> None:
        """Over UDP the server learns of it only by the client's word; keepalive would take 16 s."""
        departures = self.server.count(OPENVPN_DEPARTURE)
        check(self.client.terminate() == 0, "the client's exit status is not 0")
        check(not self._client_namespace.has_interface("tun0"), "the client left its tun device behind")
        if not self.options.lossy:
            self._wait_for_departure(departures)

    def _wait_for_departure(self, departures: int) -> None:
        what = "the server to notice the client's exit"
        if self.combination.server.is_vpnd:
            wait_until(lambda: not self._clients(), 4, what)
        else:  # It forgets the client five seconds later, and when idle it writes its status only every ten.
            wait_until(lambda: self.server.count(OPENVPN_DEPARTURE) > departures, 9, what)
            self._status.write_text("")

    def _float(self) -> None:
        assert self._relay is not None
        transfer = Transfer(self.lab, self._client_host, self._server_host, rate=LOSSY_PACE_BYTES_PER_SECOND)
        self._relay.send_signal(signal.SIGUSR1)
        self._relay.wait_for("moved", 5)
        # Of the ports that stand for the client's, in this life and former ones, one carries the control channel.
        ports = re.search(r"moved ([\d ]+)", self._relay.text()).group(1).split()
        if self.combination.server.is_vpnd:
            wait_until(lambda: any(row.real_address.rpartition(":")[2] in ports for row in self._clients()), 10,
                       f"one of the new ports {ports} in the status file")
        else:  # Its status file tells no port of an IPv6 client.
            self.server.wait_for(f"floated from .*({'|'.join(ports)})", 10)
        transfer.finish()
        if not self.options.lossy:
            ping_both_ways(self._client_host, self._server_host)
        check(len(self._clients()) == 1, "the floating client became two")
