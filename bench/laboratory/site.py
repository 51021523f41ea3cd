"""The hosts of one contestant.

    near ─────────── veth ─────────── far                                    the plain site; near is the client

    near ── lan ── near gateway ── veth ── far gateway ── lan ── far         the forwarding site
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.lab import Lab
from support.netns import Link, Namespace, run

from .profiles import Profile

NEAR_LAN, FAR_LAN = "198.18.1", "198.18.2"  # of the block for benchmarks, RFC 2544
CONGESTION_CONTROL = "cubic"  # whatever the default of the machine is, also for the outer TCP
ALLOWED = Path("/proc/sys/net/ipv4/tcp_allowed_congestion_control")


@dataclass(frozen=True)
class Site:
    lab: Lab
    near: Namespace
    far: Namespace
    near_gateway: Namespace  # the ends of the tunnel; the hosts themselves where nothing is forwarded
    far_gateway: Namespace
    link: Link  # between the gateways; its first end is the far one, which is the server

    @property
    def forwarding(self) -> bool:
        return self.near != self.near_gateway


def build(lab: Lab, profile: Profile) -> Site:
    if not profile.forwarding:
        far, near = _host(lab, "far"), _host(lab, "near")
        return Site(lab, near, far, near, far, profile.lay(far, near))
    near, near_gateway, far_gateway, far = (_host(lab, role) for role in ("near", "neargw", "fargw", "far"))
    site = Site(lab, near, far, near_gateway, far_gateway, profile.lay(far_gateway, near_gateway))
    for host, gateway, lan in ((near, near_gateway, NEAR_LAN), (far, far_gateway, FAR_LAN)):
        _lay_lan(host, gateway, lan)
    return site


@contextmanager
def congestion_control_allowed() -> Iterator[None]:
    """Namespaces may choose only what the machine's list of allowed controls has. It is as before when this ends."""
    before = ALLOWED.read_text()
    if CONGESTION_CONTROL in before.split():
        yield
        return
    ALLOWED.write_text(f"{before.strip()} {CONGESTION_CONTROL}\n")
    try:
        yield
    finally:
        ALLOWED.write_text(before)


def _host(lab: Lab, role: str) -> Namespace:
    namespace = lab.namespace(role)
    namespace.run("sysctl", "-qw", f"net.ipv4.tcp_congestion_control={CONGESTION_CONTROL}")
    return namespace


def _lay_lan(host: Namespace, gateway: Namespace, lan: str) -> None:
    run("ip", "link", "add", "lan", "netns", gateway.name, "type", "veth", "peer", "name", "lan", "netns", host.name)
    for namespace, number in ((gateway, 1), (host, 2)):
        namespace.ip("address", "add", f"{lan}.{number}/24", "dev", "lan")
        namespace.ip("link", "set", "lan", "up")
    host.ip("route", "add", "default", "via", f"{lan}.1")
    gateway.run("sysctl", "-qw", "net.ipv4.ip_forward=1")


def route_lans(site: Site, *, near_gateway_via: tuple[str, ...], far_gateway_via: tuple[str, ...]) -> None:
    """Sends what is for the other LAN this way, such as `dev tun0`, at either gateway."""
    site.near_gateway.ip("route", "add", f"{FAR_LAN}.0/24", *near_gateway_via)
    site.far_gateway.ip("route", "add", f"{NEAR_LAN}.0/24", *far_gateway_via)
