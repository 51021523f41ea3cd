"""The plainest tunnel: one server, one client with a certificate, AES-256-GCM over UDP unless told otherwise.

    ┌─ server namespace ─┐          ┌─ client namespace ─┐
    │ server  tun0    wan┼── veth ──┼wan    tun0  client │
    └────────────────────┘          └────────────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .lab import Lab
from .netns import Link, Namespace, connect
from .pki import Pki
from .process import Process, wait_until
from .programs import COMPLETED, Program
from .status import connected_clients
from .traffic import Host

PORT = 1194


@dataclass
class TunnelOptions:
    proto: str = "udp4"
    cipher: str = "AES-256-GCM"
    wire: bool = False
    server: list[str] = field(default_factory=list)  # more lines for the configuration of this side
    client: list[str] = field(default_factory=list)
    without: tuple[str, ...] = ()  # beginnings of the usual lines to leave out


@dataclass
class Tunnel:
    link: Link
    server: Process
    client: Process
    server_host: Host
    client_host: Host
    status: Path


def open_tunnel(lab: Lab, pki: Pki, server: Program, client: Program, options: TunnelOptions) -> Tunnel:
    """Builds the namespaces, starts both programs and waits until both are connected."""
    server_namespace, client_namespace = lab.namespace("server"), lab.namespace("client")
    link = connect(server_namespace, client_namespace, wire=options.wire)
    return open_tunnel_over(lab, pki, (server, server_namespace), (client, client_namespace), link, options)


def open_tunnel_over(lab: Lab, pki: Pki, server: tuple[Program, Namespace], client: tuple[Program, Namespace],
                     link: Link, options: TunnelOptions) -> Tunnel:
    """The same over a link that is there already, whose first end is the server's."""
    server_process = start_server(lab, pki, *server, link, options)
    server_process.wait_for(COMPLETED, 15)
    client_process = start_client(lab, pki, *client, link, options)
    client_process.wait_for(COMPLETED, 20)
    status = lab.directory / "status"
    wait_until(lambda: len(connected_clients(status)) == 1, 15, "one client in the status file")
    row = connected_clients(status)[0]
    return Tunnel(link, server_process, client_process, Host(server[1], "10.8.0.1", "fd00:8::1"),
                  Host(client[1], row.virtual_address, row.virtual_v6), status)


def start_server(lab: Lab, pki: Pki, program: Program, namespace: Namespace, link: Link | None,
                 options: TunnelOptions) -> Process:
    """Starts the server on its end of `link`, or without one on all its addresses."""
    config = lab.write("server.conf", _text(options, [
        "dev tun", *([f"local {link.address(0, _family(options))}"] if link else []), f"port {PORT}",
        f"proto {_proto(options, '-server')}", "topology subnet",
        "server 10.8.0.0 255.255.255.0", "server-ipv6 fd00:8::/64", "keepalive 2 30",
        f"ca {pki.path('ca.crt')}", f"cert {pki.path('server.crt')}", f"key {pki.path('server.key')}", "dh none",
        f"status {lab.directory / 'status'} 1", "status-version 2", *_shared(pki, program, options),
    ], options.server))
    return lab.start(namespace, "server", program.command(config))


def start_client(lab: Lab, pki: Pki, program: Program, namespace: Namespace, link: Link, options: TunnelOptions, *,
                 certificate: str = "client", name: str = "") -> Process:
    """Starts the client called `name`, by default like its certificate, at the other end of `link`."""
    name = name or certificate
    config = lab.write(f"{name}.conf", _text(options, [
        "client", "dev tun", f"proto {_proto(options, '-client')}",
        f"remote {link.address(0, _family(options))} {PORT}", "nobind", "remote-cert-tls server", "connect-retry 1 1",
        f"ca {pki.path('ca.crt')}", f"cert {pki.path(certificate + '.crt')}", f"key {pki.path(certificate + '.key')}",
        *_shared(pki, program, options),
    ], options.client))
    return lab.start(namespace, name, program.command(config))


def _text(options: TunnelOptions, usual: list[str], further: list[str]) -> str:
    kept = [line for line in usual if not line.startswith(options.without)]
    return "".join(line + "\n" for line in kept + further)


def _shared(pki: Pki, program: Program, options: TunnelOptions) -> list[str]:
    lines = [f"tls-crypt {pki.path('tls-crypt.key')}", f"data-ciphers {options.cipher}", "verb 3", *program.own_options]
    return lines + ["explicit-exit-notify 1"] if options.proto.startswith("udp") else lines


def _family(options: TunnelOptions) -> int:
    return int(options.proto[3])


def _proto(options: TunnelOptions, tcp_role: str) -> str:
    return options.proto if options.proto.startswith("udp") else options.proto + tcp_role
