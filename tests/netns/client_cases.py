"""What a client does to its own machine, and how it gets on when the road or the server fails."""

from __future__ import annotations

import signal
from pathlib import Path

from option_cases import start_proxy
from star import SERVER_V4, SERVER_V6, CaseList, Client, Star, check_connected, check_stays_out, with_mounts
from support.errors import check
from support.netns import Namespace, connect
from support.process import wait_until
from support.programs import COMPLETED
from support.runner import Skipped
from support.traffic import Host, Transfer, ping

case = CaseList()

FAR_V4, FAR_V6 = "198.51.100.1", "2001:db8:1::1"
_PUBLIC = "203.0.113.1"  # of the server, the same from every network


@case
def redirect_gateway_takes_all_traffic_and_gives_it_back(star: Star) -> None:
    _redirect_and_restore(star, "redirect-gateway def1 ipv6")


@case
def redirect_gateway_without_def1_restores_the_default_route(star: Star) -> None:
    _redirect_and_restore(star, "redirect-gateway")


@case
def routes_are_restored_though_privileges_were_dropped(star: Star) -> None:
    _redirect_and_restore(star, "redirect-gateway def1 ipv6", "user nobody", "group nogroup")


@case
def pushed_routes_are_set_and_removed(star: Star) -> None:
    star.start_server('push "route 198.51.100.0 255.255.255.0"', 'push "route-ipv6 2001:db8:1::/64"')
    namespace, _ = star.spoke(1)
    before = _routing(namespace)
    client = star.connect_client(1)
    _reach_far_hosts(star, client)
    check(client.process.terminate() == 0, "the client's exit status is not 0")
    _check_restored(namespace, before)


@case
def route_nopull_refuses_pushed_routes(star: Star) -> None:
    star.start_server('push "route 198.51.100.0 255.255.255.0"')
    client = star.connect_client(1, "route-nopull")
    check("198.51.100.0" not in client.namespace.ip("route"), "the route was set all the same")
    check_connected(client)


@case
def the_next_remote_is_tried_when_the_first_is_silent(star: Star) -> None:
    star.start_server("port 1999")  # so the first remote of every configuration, port 1194, leads nowhere
    _, link = star.spoke(1)
    client = star.connect_client(1, "server-poll-timeout 2", f"remote {link.v4[0]} 1999")
    check_connected(client)


@case
def the_client_returns_to_a_server_that_died_without_a_word(star: Star) -> None:
    star.start_server("keepalive 1 3")
    client = star.connect_client(1, "persist-tun")
    device = _device_number(client.namespace)
    star.server.send_signal(signal.SIGKILL)
    star.server.wait(5)
    star.start_server("keepalive 1 3")
    client.wait_until_connected(times=2, timeout=30)
    check(_device_number(client.namespace) == device, "persist-tun did not keep the tun device")
    check_connected(client)


@case
def sigusr1_connects_anew_and_keeps_the_device(star: Star) -> None:
    star.start_server()
    client = star.connect_client(1, "persist-tun", "persist-key")
    device = _device_number(client.namespace)
    client.process.send_signal(signal.SIGUSR1)
    client.wait_until_connected(times=2)
    check(_device_number(client.namespace) == device, "persist-tun did not keep the tun device")
    check_connected(client)


@case
def sighup_reads_the_configuration_again(star: Star) -> None:
    star.start_server()
    client = star.connect_client(1)
    config = star.lab.directory / "client-1.conf"
    config.write_text(config.read_text() + "route 203.0.113.0 255.255.255.0\n")
    client.process.send_signal(signal.SIGHUP)
    client.wait_until_connected(times=2)
    wait_until(lambda: "203.0.113.0/24" in client.namespace.ip("route"), 5, "the route that was added to the file")
    check_connected(client)


@case
def routes_may_name_hosts(star: Star) -> None:
    if not Path("/etc/hosts").exists():
        raise Skipped("there is no /etc/hosts that another file could stand in for")
    hosts = star.lab.write("hosts", "127.0.0.1 localhost\n203.0.113.7 site.example\n203.0.113.8 site.example\n"
                           "198.51.100.9 far.example\n", mode=0o644)
    star.client_program = with_mounts(star, star.client_program, {"/etc/hosts": hosts})
    star.start_server('push "route far.example 255.255.255.255"')
    for lines, pulled in ((("route site.example",), False), (("route site.example", "allow-pull-fqdn"), True)):
        client = star.connect_client(1, *lines)
        routes = client.namespace.ip("route")
        check("203.0.113.7 " in routes and "203.0.113.8 " in routes, f"the routes are {routes}")
        check(("198.51.100.9 " in routes) == pulled, f"the routes are {routes}")
        check_connected(client)
        star.lab.stop(client.process)


@case
def a_connection_inside_goes_on_when_the_client_moves_to_another_network(star: Star) -> None:
    _move_to_another_network(star)


@case
def a_client_that_redirects_everything_moves_to_another_network(star: Star) -> None:
    if not star.client_program.is_vpnd:
        raise Skipped("OpenVPN loses its way around the tunnel, and sends into the tunnel what is for the server")
    _move_to_another_network(star, "redirect-gateway def1")


@case
def a_client_over_tcp_connects_anew_from_another_network(star: Star) -> None:
    _connect_anew_from_another_network(star, proto="tcp4")


@case
def a_client_behind_a_socks_proxy_connects_anew_from_another_network(star: Star) -> None:
    _connect_anew_from_another_network(star, f"socks-proxy {_PUBLIC} 1080")


@case
def a_server_with_a_client_certificate_is_not_trusted(star: Star) -> None:
    star.start_server(f"cert {star.pki.path('client2.crt')}", f"key {star.pki.path('client2.key')}")
    check_stays_out(star.start_client(1))


@case
def a_server_with_another_name_is_not_trusted(star: Star) -> None:
    star.start_server()
    check_stays_out(star.start_client(1, "verify-x509-name somebody-else name"))
    check_connected(star.connect_client(2, "verify-x509-name server name", certificate="client2"))


def _move_to_another_network(star: Star, *lines: str) -> None:
    """TCP inside must not notice."""
    client, flows = _leave_a_network(star, *lines)
    star.server.wait_for("floated (to|from) ", 15)
    check_connected(client)
    for flow in flows:
        flow.finish()
    check(client.process.count(COMPLETED) == 1, "the client had to connect again")
    check(client.process.terminate() == 0, "the client's exit status is not 0")
    left = client.namespace.ip("route")
    check(_PUBLIC not in left and "0.0.0.0/1" not in left, f"routes were left behind: {left}")


def _connect_anew_from_another_network(star: Star, *lines: str, proto: str = "udp4") -> None:
    """At once: a connection cannot move, and pings would tell that only after half a minute."""
    if not star.client_program.is_vpnd:
        raise Skipped("OpenVPN waits until its pings are not answered")
    client, flows = _leave_a_network(star, "persist-tun", *lines, proto=proto)
    client.process.wait_for("has stayed in another network", 10)
    client.wait_until_connected(times=2, timeout=15)
    check_connected(client)
    for flow in flows:
        flow.finish()


def _leave_a_network(star: Star, *lines: str, proto: str = "udp4") -> tuple[Client, list[Transfer]]:
    """The first network goes with its address and routes, the second has another address. Also TCP inside, both ways."""
    star.server_namespace.ip("address", "add", f"{_PUBLIC}/32", "dev", "lo")
    namespace, first = star.spoke(1)
    second = connect(star.server_namespace, namespace, device="other", subnet=9)
    namespace.ip("route", "add", "default", "via", first.v4[0])
    star.start_server(f"local {_PUBLIC}", "verb 4", proto=proto)  # OpenVPN mentions a float on no lower level
    if any(line.startswith("socks-proxy") for line in lines):
        start_proxy(star, "socks", 1080, _PUBLIC, namespace=star.server_namespace)
    client = star.connect_client(1, f"remote {_PUBLIC} 1194", *lines, proto=proto, without=("remote ",))
    check_connected(client)
    near, far = Host(client.namespace, client.v4, client.v6), Host(star.server_namespace, SERVER_V4, SERVER_V6)
    flows = [Transfer(star.lab, *pair, rate=200_000) for pair in ((near, far), (far, near))]
    namespace.ip("link", "set", "wan1", "down")
    namespace.ip("route", "add", "default", "via", second.v4[0])
    return client, flows


def _redirect_and_restore(star: Star, *lines: str) -> None:
    star.start_server()
    namespace, link = star.spoke(1)
    namespace.ip("route", "add", "default", "via", link.v4[0])
    namespace.ip("-6", "route", "add", "default", "via", link.v6[0])
    before = _routing(namespace)
    client = star.connect_client(1, *lines)
    _reach_far_hosts(star, client, v6="ipv6" in lines[0])
    check(client.process.terminate() == 0, "the client's exit status is not 0")
    _check_restored(namespace, before)


def _reach_far_hosts(star: Star, client: Client, *, v6: bool = True) -> None:
    """Hosts behind the server that answer only through the tunnel: outside of it their prefix is a black hole."""
    star.server_namespace.ip("address", "add", FAR_V4 + "/32", "dev", "lo")
    star.server_namespace.ip("address", "add", FAR_V6 + "/128", "dev", "lo")
    before = _tunnel_packets(client.namespace)
    ping(client.namespace, FAR_V4)
    if v6:
        ping(client.namespace, FAR_V6)
    check(_tunnel_packets(client.namespace) >= before + (6 if v6 else 3), "the echo requests went beside the tunnel")
    ping(client.namespace, SERVER_V4)


def _routing(namespace: Namespace) -> str:
    wait_until(lambda: "tentative" not in namespace.ip("-6", "address"), 10, "the end of duplicate address detection")
    commands = (("-4", "route", "show", "table", "all"), ("-6", "route", "show", "table", "all"), ("rule",),
                ("-6", "rule"), ("-o", "address"))
    return "".join(_without_counters(namespace.ip(*command)) for command in commands)


def _without_counters(text: str) -> str:
    """Cached routes that expire by themselves and life times are no configuration."""
    return "".join(line + "\n" for line in text.splitlines() if "expires" not in line and "cache" not in line)


def _check_restored(namespace: Namespace, before: str) -> None:
    after = _routing(namespace)
    gone = set(before.splitlines()) - set(after.splitlines())
    left = set(after.splitlines()) - set(before.splitlines())
    check(not gone and not left, f"routing is not as it was: missing {sorted(gone)}, left behind {sorted(left)}")


def _tunnel_packets(namespace: Namespace) -> int:
    return int(namespace.ip("-s", "-o", "link", "show", "dev", "tun0").split("TX:")[1].split("\\")[1].split()[1])


def _device_number(namespace: Namespace) -> str:
    return namespace.ip("-o", "link", "show", "dev", "tun0").split(":")[0]
