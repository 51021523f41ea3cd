"""Name servers through systemd-resolved. Each function is a case; its name is the sentence it proves."""

from __future__ import annotations

import signal

from resolving_host import INSIDE, OUTSIDE, ResolvingHost
from star import CaseList, Client, Star
from support.errors import check
from support.process import wait_until
from support.runner import Skipped

case = CaseList()

# A system bus with what Debian's allows, and with the rules that come with systemd-resolved.
_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
  </policy>
  <include>/usr/share/dbus-1/system.d/org.freedesktop.resolve1.conf</include>
</busconfig>
"""
_PREPARE = """
getent passwd systemd-resolve > /dev/null || echo systemd-resolve:x:987:987::/:/usr/sbin/nologin >> /etc/passwd
getent group systemd-resolve > /dev/null || echo systemd-resolve:x:987: >> /etc/group
mkdir -p /run/dbus /run/systemd
/lib/systemd/systemd-resolved --version > /dev/null
"""


class Resolved(ResolvingHost):
    """It runs, knows a name server on wan1, and is asked by everybody. The tunnel's device stays after the tunnel, or the
    kernel's taking it away would make it forget its name servers."""

    def __init__(self, star: Star) -> None:
        super().__init__(star, "systemd-resolved", "dbus-daemon")
        try:
            self.machine.shell(_PREPARE)
        except RuntimeError as error:
            raise Skipped(f"systemd-resolved does not start here: {error}") from None
        bus = star.lab.write("bus.conf", _BUS, mode=0o644)
        self.machine.start("bus", "dbus-daemon", f"--config-file={bus}", "--nofork", "--nopidfile", "--nosyslog")
        self.machine.start("resolved", "/lib/systemd/systemd-resolved")
        wait_until(self._answers, 15, "systemd-resolved to answer")
        self.machine.shell(f"""
            ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
            resolvectl dns wan1 {OUTSIDE}""")
        self.machine.run(star.server_program.path, "--mktun", "--dev", "tun0")
        # The kernel may take a second to find that a new veth pair is up; before, there is nobody to ask.
        wait_until(lambda: self.says("default-route", link="wan1") == "yes", 15, "systemd-resolved to use wan1")

    def _answers(self) -> bool:
        try:
            self.machine.run("resolvectl", "dns")
        except RuntimeError:
            return False
        return True

    def says(self, setting: str, *, link: str = "tun0") -> str:
        """What it has for a link, without the name of the link."""
        return self.machine.run("resolvectl", setting, link).partition(":")[2].strip()

    def check_has(self, **expected: str) -> None:
        found = {setting: self.says(setting.replace("_", "-")) for setting in expected}
        check(found == expected, f"for tun0 there is {found} instead of {expected}")

    def connect_and_check(self, *lines: str) -> Client:
        """A client with a name server of its tunnel for everything."""
        client = self.connect(*lines, pushed=("dhcp-option DNS 10.8.0.1", "dhcp-option DOMAIN example.org"))
        self.check_has(dns=INSIDE, domain="example.org ~.", default_route="yes", dnssec="no", dnsovertls="no")
        self.check_asks(INSIDE, "www.example.com")
        return client

    def check_taken_back(self, client: Client) -> None:
        client.process.terminate()
        self.check_has(dns="", domain="", dnssec="no", dnsovertls="no")
        self.check_asks(OUTSIDE, "www.example.net")


@case
def resolved_asks_the_name_server_of_the_tunnel_until_it_ends(star: Star) -> None:
    host = Resolved(star)
    client = host.connect_and_check()
    host.check_asks(INSIDE, "name")
    check("10.8.0.1:53 name.example.org" in host.questions(), f"no search domain in {host.questions()}")
    host.check_taken_back(client)


@case
def resolved_asks_it_after_a_reconnect_with_a_device_that_comes_and_goes(star: Star) -> None:
    host = Resolved(star)
    host.machine.run(star.server_program.path, "--rmtun", "--dev", "tun0")
    client = host.connect_and_check()
    client.process.send_signal(signal.SIGUSR1)
    client.wait_until_connected(times=2)
    host.check_has(dns=INSIDE, domain="example.org ~.")
    host.check_asks(INSIDE, "www.example.org")
    client.process.terminate()
    host.check_asks(OUTSIDE, "www.example.net")


@case
def resolved_is_told_without_the_privileges_of_the_start(star: Star) -> None:
    host = Resolved(star)
    client = host.connect_and_check("user nobody", "group nogroup")
    host.check_taken_back(client)


@case
def resolved_asks_a_server_of_some_domains_for_nothing_else(star: Star) -> None:
    host = Resolved(star)
    client = host.connect(pushed=(
        "dns search-domains a.example c.example", "dns server 1 address 10.8.0.1:5353",
        "dns server 1 resolve-domains a.example b.example", "dns server 1 dnssec optional"))
    host.check_has(dns=f"{INSIDE}:5353", domain="a.example c.example ~b.example", default_route="no",
                   dnssec="allow-downgrade", dnsovertls="no")
    for name, server in (("a.example", INSIDE), ("www.b.example", INSIDE), ("www.d.example", OUTSIDE), ("name", INSIDE)):
        host.check_asks(server, name)
    check("10.8.0.1:5353 name.a.example" in host.questions(), f"another port or domain in {host.questions()}")
    host.check_taken_back(client)


@case
def resolved_gets_the_first_server_it_can_use(star: Star) -> None:
    host = Resolved(star)
    host.connect(pushed=(
        "dns server 1 address 10.8.0.1", "dns server 1 transport DoH", "dns server 1 sni doh.example",
        "dns server 2 address 10.8.0.1:8853 [fd00:8::1]", "dns server 2 transport DoT", "dns server 2 sni dot.example",
        "dns server 2 dnssec yes"))
    host.check_has(dns=f"{INSIDE}:8853#dot.example fd00:8::1#dot.example", domain="~.", default_route="yes",
                   dnssec="yes", dnsovertls="yes")


@case
def resolved_is_left_alone_where_the_host_does_not_ask_it(star: Star) -> None:
    host = Resolved(star)  # with it comes a resolvconf that tells it
    host.machine.shell(f"rm /etc/resolv.conf; echo nameserver {OUTSIDE} > /etc/resolv.conf")
    client = host.connect(pushed=("dhcp-option DNS 10.8.0.1",))
    host.check_asks(INSIDE, "www.example.com")
    host.check_has(dns="")
    host.check_taken_back(client)


@case
def resolved_is_told_where_a_file_names_its_address(star: Star) -> None:
    host = Resolved(star)
    host.machine.shell("rm /etc/resolv.conf; echo nameserver 127.0.0.53 > /etc/resolv.conf")
    host.check_taken_back(host.connect_and_check())
