"""What is compared: the bare link, and each kind of tunnel over a link of its own."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support.errors import check
from support.netns import Namespace
from support.pki import Pki
from support.process import wait_until
from support.programs import find_program
from support.tunnel import TunnelOptions, open_tunnel_over

from .site import FAR_LAN, NEAR_LAN, Site, route_lans

BARE = "bare"
OPENVPN = "openvpn"
BATCHES = "Data channel: batches"  # what vpnd says when both ends have agreed upon the batch channel
WIREGUARD_PORT = 51820
# The most that fits 1,500 bytes over IPv4 (60 bytes of overhead), so that packets of 1,400 bytes are not cut.
WIREGUARD_MTU = 1440

# With this a configuration has nothing wrong but what is to be asked about.
_LEAST = f"client\ndev tun\nremote 192.0.2.1\nauth-user-pass\npeer-fingerprint {':'.join(['00'] * 32)}\n"

_serial = itertools.count()


@dataclass(frozen=True)
class Way:
    """The way through one contestant, from the near host to the far one."""

    contestant: str
    site: Site
    near_address: str
    far_address: str

    def ends(self, direction: str) -> tuple[Namespace, Namespace, str]:
        """Source, target, and the target's address; up is from the near host, which is the client, to the far one."""
        if direction == "up":
            return self.site.near, self.site.far, self.far_address
        return self.site.far, self.site.near, self.near_address


@dataclass(frozen=True)
class Setting:
    """What all tunnels have in common."""

    pki: Pki
    vpnd: str
    cipher: str


@dataclass(frozen=True)
class Contestant:
    key: str
    title: str
    open: Callable[[Site, Setting], tuple[str, str]]  # addresses of the near and the far host through it
    missing: Callable[[Setting], str | None]  # why it cannot take part
    over_udp: bool = True
    by_default: bool = True


def _never_missing(_setting: Setting) -> None:
    return None


def _open_bare(site: Site, _setting: Setting) -> tuple[str, str]:
    if site.forwarding:
        route_lans(site, near_gateway_via=("via", site.link.v4[0]), far_gateway_via=("via", site.link.v4[1]))
    return _hosts(site, site.link.v4[1], site.link.v4[0])


def _hosts(site: Site, near: str, far: str) -> tuple[str, str]:
    """The given addresses of the ends of the tunnel, or those of the hosts behind them."""
    return (f"{NEAR_LAN}.2", f"{FAR_LAN}.2") if site.forwarding else (near, far)


def _openvpn_like(key: str, title: str, server: str, client: str, *lines: str, proto: str = "udp4",
                  by_default: bool = True, batched: bool = False) -> Contestant:
    """A tunnel of OpenVPN's kind: `server` and `client` are "openvpn" or "vpnd", `lines` configure both."""

    def open_(site: Site, setting: Setting) -> tuple[str, str]:
        programs = [find_program(name, setting.vpnd) for name in (server, client)]
        options = TunnelOptions(proto=proto, cipher=setting.cipher, server=list(lines), client=list(lines))
        if site.forwarding:
            directory = site.lab.directory / "clients"
            directory.mkdir()
            (directory / "client").write_text(f"iroute {NEAR_LAN}.0 255.255.255.0\n")
            options.server.append(f"client-config-dir {directory}")
        tunnel = open_tunnel_over(site.lab, setting.pki, (programs[0], site.far_gateway),
                                  (programs[1], site.near_gateway), site.link, options)
        check(BATCHES not in tunnel.client.text() or batched, "the batch channel is in use")
        check(BATCHES in tunnel.client.text() or not batched, "the batch channel is not in use")
        if site.forwarding:
            route_lans(site, near_gateway_via=("dev", "tun0"), far_gateway_via=("dev", "tun0"))
        return _hosts(site, tunnel.client_host.v4, tunnel.server_host.v4)

    def missing(setting: Setting) -> str | None:
        for name in {server, client}:
            if find_program(name, setting.vpnd) is None:
                return f"{name} is not there"
        if batched and not has_batch_channel(setting.vpnd):
            return "this vpnd has no batch channel"
        return None

    return Contestant(key, title, open_, missing, proto.startswith("udp"), by_default)


def has_batch_channel(vpnd: str) -> bool:
    """Versions without it do not know the directive, or say that it has no effect."""
    return "batch-channel" not in _check(vpnd, "batch-channel on")


def _check(vpnd: str, line: str) -> str:
    """What `vpnd --check-config` says of a configuration that begins with this line."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        config.write(f"{line}\n{_LEAST}")
        config.flush()
        done = subprocess.run([vpnd, "--check-config", config.name], capture_output=True, text=True, timeout=10)
    return done.stdout + done.stderr


class _WireGuard:
    """wireguard-go at both ends."""

    @staticmethod
    def missing(_setting: Setting) -> str | None:
        return next((f"{name} is not there" for name in ("wireguard-go", "wg") if not shutil.which(name)), None)

    def open(self, site: Site, _setting: Setting) -> tuple[str, str]:
        ends = ((site.far_gateway, site.link.v4[0], "10.9.0.1", FAR_LAN),
                (site.near_gateway, site.link.v4[1], "10.9.0.2", NEAR_LAN))
        # Its control sockets lie in one directory for all namespaces, so names must differ everywhere.
        devices = [f"wg{os.getpid()}x{next(_serial)}" for _ in ends]
        keys = [self._keys(site) for _ in ends]
        for number, (namespace, _, inner, _) in enumerate(ends):
            other = 1 - number
            device = devices[number]
            site.lab.start(namespace, device, ["wireguard-go", "-f", device])
            wait_until(lambda: namespace.has_interface(device), 5, f"device {device}")
            wait_until(lambda: Path(f"/var/run/wireguard/{device}.sock").exists(), 5, f"control socket of {device}")
            namespace.run("wg", "set", device, "listen-port", str(WIREGUARD_PORT), "private-key", str(keys[number][0]),
                          "peer", keys[other][1], "endpoint", f"{ends[other][1]}:{WIREGUARD_PORT}",
                          "allowed-ips", f"{ends[other][2]}/32,{ends[other][3]}.0/24")
            namespace.ip("address", "add", f"{inner}/24", "dev", device)
            namespace.ip("link", "set", device, "mtu", str(WIREGUARD_MTU), "up")
        if site.forwarding:
            route_lans(site, near_gateway_via=("dev", devices[1]), far_gateway_via=("dev", devices[0]))
        return _hosts(site, ends[1][2], ends[0][2])

    @staticmethod
    def _keys(site: Site) -> tuple[Path, str]:
        """A file with a fresh private key, and the public key."""
        private = subprocess.run(["wg", "genkey"], capture_output=True, text=True, check=True).stdout
        public = subprocess.run(["wg", "pubkey"], input=private, capture_output=True, text=True, check=True).stdout
        return site.lab.write(f"key-{next(_serial)}", private), public.strip()


def contestants(vpnd: str) -> dict[str, Contestant]:
    """All that can be compared, by key. What this vpnd cannot do yet says so in its `missing`."""
    off = "batch-channel off"
    stock = [off] if shutil.which(vpnd) and "unknown directive" not in _check(vpnd, off) else []
    wireguard = _WireGuard()
    return {contestant.key: contestant for contestant in (
        Contestant(BARE, "bare link", _open_bare, _never_missing),
        _openvpn_like(OPENVPN, "openvpn", "openvpn", "openvpn"),
        Contestant("wireguard-go", "wireguard-go", wireguard.open, wireguard.missing),
        _openvpn_like("vpnd-stock", "vpnd, OpenVPN's format", "vpnd", "vpnd", *stock),
        _openvpn_like("vpnd-batch", "vpnd, batch channel", "vpnd", "vpnd", batched=True),
        _openvpn_like("openvpn-tcp", "openvpn over TCP", "openvpn", "openvpn", proto="tcp4"),
        _openvpn_like("vpnd-batch-tcp", "vpnd, batch channel over TCP", "vpnd", "vpnd", proto="tcp4", batched=True),
        _openvpn_like("vpnd-stock-tcp", "vpnd, OpenVPN's format over TCP", "vpnd", "vpnd", *stock, proto="tcp4",
                      by_default=False),
        _openvpn_like("vpnd-server", "vpnd as server of openvpn", "vpnd", "openvpn", by_default=False),
        _openvpn_like("vpnd-client", "vpnd as client of openvpn", "openvpn", "vpnd", by_default=False),
    )}
