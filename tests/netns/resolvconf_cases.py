"""Name servers through Debian's resolvconf, through openresolv and in a file.

Each function is a case; its name is the sentence it proves.
"""

from __future__ import annotations

import shutil
import signal

from resolving_host import INSIDE, OUTSIDE, ResolvingHost
from star import CaseList, Client, Star
from support.errors import check
from support.runner import Skipped

case = CaseList()

_DEBIAN, _OPENRESOLV = "resolvconf", "openresolv"
_PUSHED = ("dhcp-option DNS 10.8.0.1", "dhcp-option DOMAIN example.org")


class WithResolvconf(ResolvingHost):
    """Its DHCP client has given resolvconf a name server before."""

    def __init__(self, star: Star, package: str) -> None:
        super().__init__(star, package)
        if package == _DEBIAN:  # what its service does at boot
            self.machine.shell("""
                mkdir -p /run/resolvconf/interface
                ln -s /run/resolvconf/resolv.conf /etc/resolv.conf
                resolvconf --enable-updates""")
        self.machine.shell(f"echo nameserver {OUTSIDE} | resolvconf -a wan1.dhclient")
        self._before = self.text()
        self.check_has(OUTSIDE)

    def text(self) -> str:
        return self.machine.run("cat", "/etc/resolv.conf")

    def check_has(self, *servers: str, search: str = "") -> None:
        lines = [line for line in self.text().splitlines() if line and not line.startswith("#")]
        expected = {*(f"nameserver {server}" for server in servers), *([f"search {search}"] if search else [])}
        check(set(lines) == expected and len(lines) == len(expected), f"resolv.conf says {lines}")

    def check_tunnel(self, *lines: str) -> Client:
        client = self.connect(*lines, pushed=_PUSHED)
        self.check_has(INSIDE, OUTSIDE, search="example.org")
        self.check_asks(INSIDE, "www.example.com")
        return client

    def check_taken_back(self, client: Client) -> None:
        client.process.terminate()
        check(self.text() == self._before, f"resolv.conf is left as {self.text()!r}")
        self.check_asks(OUTSIDE, "www.example.net")


def _check_from_beginning_to_end(star: Star, package: str) -> None:
    host = WithResolvconf(star, package)
    client = host.check_tunnel()
    host.check_asks(INSIDE, "name")
    check("10.8.0.1:53 name.example.org" in host.questions(), f"no search domain in {host.questions()}")
    client.process.send_signal(signal.SIGUSR1)
    client.wait_until_connected(times=2)
    host.check_has(INSIDE, OUTSIDE, search="example.org")
    host.check_taken_back(client)


@case
def debians_resolvconf_has_the_name_server_until_the_tunnel_ends(star: Star) -> None:
    _check_from_beginning_to_end(star, _DEBIAN)


@case
def openresolv_has_the_name_server_until_the_tunnel_ends(star: Star) -> None:
    _check_from_beginning_to_end(star, _OPENRESOLV)


@case
def debians_resolvconf_is_called_without_the_privileges_of_the_start(star: Star) -> None:
    host = WithResolvconf(star, _DEBIAN)
    host.check_taken_back(host.check_tunnel("user nobody", "group nogroup"))


@case
def openresolv_is_called_without_the_privileges_of_the_start(star: Star) -> None:
    host = WithResolvconf(star, _OPENRESOLV)
    host.check_taken_back(host.check_tunnel("user nobody", "group nogroup"))


def _check_other_name(star: Star, package: str) -> None:
    host = WithResolvconf(star, package)
    host.check_taken_back(host.check_tunnel("dev work", "dev-type tun"))


@case
def debians_resolvconf_puts_a_tunnel_of_any_name_first(star: Star) -> None:
    _check_other_name(star, _DEBIAN)


@case
def openresolv_puts_a_tunnel_of_any_name_first(star: Star) -> None:
    _check_other_name(star, _OPENRESOLV)


@case
def debians_resolvconf_is_left_alone_where_resolv_conf_is_not_its_file(star: Star) -> None:
    host = WithResolvconf(star, _DEBIAN)
    host.machine.shell("rm /etc/resolv.conf; cat /run/resolvconf/resolv.conf > /etc/resolv.conf")
    host.check_taken_back(host.check_tunnel())


@case
def openresolv_hears_nothing_of_a_server_it_cannot_use(star: Star) -> None:
    host = WithResolvconf(star, _OPENRESOLV)
    client = host.connect(pushed=("dns server 1 address 10.8.0.1", "dns server 1 transport DoT"))
    host.check_has(OUTSIDE)
    host.check_taken_back(client)
    check(client.process.count("exited with status") == 1, "a second warning at the end")
    check(client.process.count("no DNS server that this host can use") == 1, "the log does not say why")


@case
def a_missing_resolv_conf_is_written_for_everybody_to_read(star: Star) -> None:
    if shutil.which("resolvconf"):
        raise Skipped("this host has a resolvconf")
    host = ResolvingHost(star)
    client = host.connect(pushed=_PUSHED)
    host.check_asks(INSIDE, "www.example.com")
    client.process.terminate()
    left = host.machine.run("cat", "/etc/resolv.conf")
    check(left == "", f"resolv.conf is left as {left!r}")
