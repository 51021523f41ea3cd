"""Network namespaces and the veth pairs between them.

A namespace is entered with nsenter rather than `ip netns exec`: it leaves /sys alone, which an ordinary user inside a
user namespace may not remount, and it keeps the process id of the command.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

NETNS_DIRECTORY = Path("/run/netns")

# A default veth hands a 64 KB UDP GSO datagram over whole and without a checksum, which no cable does. With these
# features it segments and sums like one.
WIRE_FEATURES = ("tx-udp-segmentation", "off", "tso", "off", "tx", "off", "gro", "on")


def run(*argv: str, timeout: float = 60) -> str:
    """Runs a helper command and returns what it printed; raises with its words if it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise RuntimeError(f"`{' '.join(argv)}` ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


@dataclass(frozen=True)
class Namespace:
    name: str

    @classmethod
    def create(cls, name: str) -> Namespace:
        run("ip", "netns", "add", name)
        namespace = cls(name)
        try:
            namespace.ip("link", "set", "lo", "up")
            # No duplicate address detection: addresses are usable at once.
            namespace.run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")
        except BaseException:
            namespace.delete()
            raise
        return namespace

    def delete(self) -> None:
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True)

    def command(self, *argv: str) -> list[str]:
        """The argument vector that runs `argv` inside this namespace."""
        return ["nsenter", f"--net={NETNS_DIRECTORY / self.name}", "--", *argv]

    def run(self, *argv: str, timeout: float = 60) -> str:
        return run(*self.command(*argv), timeout=timeout)

    def ip(self, *words: str) -> str:
        return run("ip", "-n", self.name, *words)

    def has_interface(self, name: str) -> bool:
        return any(line.split(":")[1].strip().split("@")[0] == name for line in self.ip("-o", "link").splitlines())


@dataclass(frozen=True)
class Link:
    """A cable between two namespaces, with an IPv4 and an IPv6 address at either end."""

    v4: tuple[str, str]
    v6: tuple[str, str]

    def address(self, end: int, family: int) -> str:
        return self.v4[end] if family == 4 else self.v6[end]


def connect(first: Namespace, second: Namespace, *, device: str = "wan", subnet: int = 1, wire: bool = False) -> Link:
    """Lays a veth pair named `device` on both sides; 192.0.`subnet`.1 and fd00:`subnet`::1 are the first one's."""
    run("ip", "link", "add", device, "netns", first.name, "type", "veth", "peer", "name", device, "netns", second.name)
    link = Link((f"192.0.{subnet}.1", f"192.0.{subnet}.2"), (f"fd00:{subnet}::1", f"fd00:{subnet}::2"))
    for end, namespace in enumerate((first, second)):
        namespace.ip("address", "add", link.v4[end] + "/24", "dev", device)
        namespace.ip("address", "add", link.v6[end] + "/64", "dev", device, "nodad")
        namespace.ip("link", "set", device, "up")
        if wire:
            namespace.run("ethtool", "-K", device, *WIRE_FEATURES)
    return link
