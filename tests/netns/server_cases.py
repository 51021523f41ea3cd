"""What a server does for, with and against its clients. Each function is a case; its name is the sentence it proves."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

from star import SERVER_V4, SERVER_V6, CaseList, Star, check_connected, check_silence, check_stays_out
from support.errors import check
from support.process import wait_until
from support.runner import Skipped
from support.traffic import Host, Pings, Transfer, bulk_both_ways, ping, relay_command
from support.tunnel import PORT

case = CaseList()


@case
def client_to_client_lets_clients_reach_each_other(star: Star) -> None:
    star.start_server("client-to-client")
    first, second = star.connect_client(1), star.connect_client(2, certificate="client2")
    star.wait_for_clients(2)
    ping(first.namespace, second.v4)
    ping(second.namespace, first.v6)


@case
def clients_do_not_reach_each_other_otherwise(star: Star) -> None:
    star.start_server()
    first, second = star.connect_client(1), star.connect_client(2, certificate="client2")
    check_connected(first)
    check_silence(first.namespace, second.v4)


@case
def a_client_config_file_gives_address_routes_and_networks(star: Star) -> None:
    _client_config(star, "client", "ifconfig-push 10.8.0.77 255.255.255.0", 'push "route 10.99.0.0 255.255.255.0"',
                   "iroute 10.55.0.0 255.255.255.0")
    star.start_server(f"client-config-dir {star.lab.directory / 'ccd'}", "route 10.55.0.0 255.255.255.0")
    client = star.connect_client(1)
    check(client.v4 == "10.8.0.77", f"the client's address is {client.v4}")
    check("10.99.0.0/24" in client.namespace.ip("route"), "the pushed route is missing")
    client.namespace.ip("address", "add", "10.55.0.1/32", "dev", "lo")
    ping(star.server_namespace, "10.55.0.1")


@case
def ccd_exclusive_keeps_out_who_has_no_file(star: Star) -> None:
    _client_config(star, "client2")
    star.start_server(f"client-config-dir {star.lab.directory / 'ccd'}", "ccd-exclusive")
    check_stays_out(star.start_client(1))
    check_connected(star.connect_client(2, certificate="client2"))


@case
def disable_in_the_client_config_keeps_a_client_out(star: Star) -> None:
    _client_config(star, "client", "disable")
    star.start_server(f"client-config-dir {star.lab.directory / 'ccd'}")
    check_stays_out(star.start_client(1))
    check_connected(star.connect_client(2, certificate="client2"))


@case
def addresses_persist_over_a_restart(star: Star) -> None:
    persist = f"ifconfig-pool-persist {star.lab.directory / 'pool'} 1"
    star.start_server(persist)
    clients, addresses = {}, {}
    for spoke, name in ((1, "client"), (2, "client2")):
        client = star.connect_client(spoke, certificate=name)
        clients[name], addresses[name] = client.process, client.v4
    wait_until(lambda: (star.lab.directory / "pool").exists(), 5, "the file of the pool")
    star.server.terminate()
    star.lab.stop(*clients.values())
    star.start_server(persist)
    for spoke, name in ((2, "client2"), (1, "client")):  # the other way round
        address = star.connect_client(spoke, certificate=name).v4
        check(address == addresses[name], f"{name} had {addresses[name]} and now has {address}")


@case
def a_second_client_of_that_name_takes_the_place_of_the_first(star: Star) -> None:
    star.start_server()
    first = star.connect_client(1, "connect-retry 30")
    second = star.connect_client(2)
    check_connected(second)
    check(len(star.wait_for_clients(1)) == 1, "both are connected")
    check_silence(first.namespace, SERVER_V4)


@case
def duplicate_cn_lets_both_in(star: Star) -> None:
    star.start_server("duplicate-cn")
    first, second = star.connect_client(1), star.connect_client(2)
    star.wait_for_clients(2)
    check_connected(first)
    check_connected(second)


@case
def clients_that_send_no_peer_id_are_known_by_their_address(star: Star) -> None:
    star.start_server("client-to-client")
    ignorant = 'pull-filter ignore "peer-id"'
    first = star.connect_client(1, ignorant)
    second = star.connect_client(2, ignorant, certificate="client2")
    for client in (first, second):
        check_connected(client)
    ping(first.namespace, second.v4)


@case
def max_clients_keeps_out_the_next_one(star: Star) -> None:
    star.start_server("max-clients 1")
    first = star.connect_client(1)
    check_stays_out(star.start_client(2, certificate="client2"))
    check_connected(first)


@case
def a_revoked_certificate_is_refused(star: Star) -> None:
    star.start_server(f"crl-verify {star.pki.path('crl.pem')}")
    check_stays_out(star.start_client(1, certificate="revoked"))
    check_connected(star.connect_client(2))


@case
def a_packet_from_a_foreign_source_address_is_dropped(star: Star) -> None:
    star.start_server()
    client = star.connect_client(1)
    check_connected(client)
    client.namespace.ip("address", "add", "10.66.0.1/32", "dev", "tun0")
    star.server_namespace.ip("route", "add", "10.66.0.0/24", "dev", "tun0")
    check_silence(client.namespace, SERVER_V4, "-I", "10.66.0.1")
    check_connected(client)


@case
def a_client_is_still_reached_after_a_renegotiation_failed(star: Star) -> None:
    """A stock client then begins a new session over the same socket and goes on with the peer id of the old one."""
    if not star.server_program.is_vpnd:
        raise Skipped("OpenVPN 2.6.14's own server does not answer the new session's PUSH_REQUEST")
    star.start_server("port 1999", "reneg-sec 0")
    _, link = star.spoke(1)
    relay = star.lab.start_helper(star.server_namespace, "relay", relay_command(
        f"{link.v4[0]}:{PORT}", f"{link.v4[0]}:1999"))
    relay.wait_for("relaying", 10)
    client = star.connect_client(1, "reneg-sec 3", "hand-window 4")
    relay.send_signal(signal.SIGUSR2)
    relay.wait_for("closed to control packets", 5)
    client.process.wait_for("handshake failed|[Rr]enegotiation failed", 20)
    agreed = star.server.count(star.server_program.keys_agreed)
    relay.send_signal(signal.SIGUSR2)
    if not star.client_program.is_vpnd:  # which stays with its session
        star.server.wait_for(star.server_program.keys_agreed, 30, count=agreed + 1)
    check_connected(client)
    ping(star.server_namespace, client.v4)
    check(len(star.wait_for_clients(1)) == 1, "the client is there twice")


@case
def a_wrong_password_is_told_to_the_client(star: Star) -> None:
    star.start_server("verify-client-cert none", "script-security 2",
                      f"auth-user-pass-verify {_password_script(star)} via-file")
    wrong = star.start_client(1, f"auth-user-pass {star.lab.write('wrong', 'alice{0}guess{0}'.format(chr(10)))}")
    wrong.process.wait_for("AUTH_FAILED", 15)
    wait_until(lambda: not wrong.process.running, 10, "the client's end")
    check(not wrong.connected, "it got in")
    right = star.lab.write("right", "alice\nsecret\n")
    check_connected(star.connect_client(2, f"auth-user-pass {right}"))


@case
def the_tunnel_works_with_every_offload_off_and_small_batches(star: Star) -> None:
    tuning = ("udp-gso off", "udp-gro off", "tun-tso off", "tun-uso off", "tun-driver tun", "batch-size 1500",
              "batch-packets 4", "batch-hold 50")
    lines = [f"setenv opt {line}" for line in tuning]  # OpenVPN passes them by
    star.start_server(*lines)
    client = star.connect_client(1, *lines)
    check_connected(client)
    ends = Host(client.namespace, client.v4, client.v6), Host(star.server_namespace, SERVER_V4, SERVER_V6)
    bulk_both_ways(star.lab, *ends, 1 << 22)


@case
def an_answer_that_is_put_off_is_waited_for(star: Star) -> None:
    star.start_server("verify-client-cert none", "script-security 2",
                      f"auth-user-pass-verify {_late_password_script(star, answer=1)} via-file")
    client = star.start_client(1, f"auth-user-pass {star.lab.write('right', 'alice{0}secret{0}'.format(chr(10)))}")
    if star.server_program.is_vpnd:  # OpenVPN sends it only where a script names a method that the client's IV_SSO has
        client.process.wait_for("AUTH_PENDING", 15)
    check(not client.connected, "it got in before the answer")
    client.wait_until_connected()
    check_connected(client)


@case
def an_answer_that_is_put_off_may_be_no_and_says_why(star: Star) -> None:
    star.start_server("verify-client-cert none", "script-security 2",
                      f"auth-user-pass-verify {_late_password_script(star, answer=0)} via-file")
    client = star.start_client(1, f"auth-user-pass {star.lab.write('right', 'alice{0}secret{0}'.format(chr(10)))}")
    client.process.wait_for("AUTH_FAILED.*the second factor is missing", 15)
    check(not client.connected, "it got in")


@case
def nothing_is_lost_while_a_password_is_checked_at_a_renegotiation(star: Star) -> None:
    slow = star.lab.write("slow", f"#!/bin/sh\nsleep 1\nexec {_password_script(star)} \"$1\"\n", mode=0o700)
    star.start_server("verify-client-cert none", "script-security 2", f"auth-user-pass-verify {slow} via-file",
                      "reneg-sec 5")
    client = star.connect_client(1, f"auth-user-pass {star.lab.write('right', 'alice{0}secret{0}'.format(chr(10)))}")
    ends = Host(client.namespace, client.v4, client.v6), Host(star.server_namespace, SERVER_V4, SERVER_V6)
    up, down = (Pings(star.lab, *way) for way in (ends, ends[::-1]))
    star.server.wait_for(star.server_program.keys_agreed, 15, count=star.server.count(star.server_program.keys_agreed) + 1)
    time.sleep(1)  # under the new keys
    for way, pings in (("up", up), ("down", down)):
        sent, lost = pings.finish()
        check(not lost, f"{lost} of {sent} echo requests lost on the way {way}")


@case
def a_push_list_longer_than_one_message_arrives_whole(star: Star) -> None:
    networks = [f"10.{100 + number}.0.0" for number in range(80)]
    star.start_server(*(f'push "route {network} 255.255.0.0"' for network in networks))
    routes = star.connect_client(1).namespace.ip("route")
    missing = [network for network in networks if network not in routes]
    check(not missing, f"routes missing: {missing}")


@case
def mssfix_limits_the_segments_of_inner_connections(star: Star) -> None:
    star.start_server("mssfix 1200")
    client = star.connect_client(1, "mssfix 1200")
    ends = Host(client.namespace, client.v4, client.v6), Host(star.server_namespace, SERVER_V4, SERVER_V6)
    for source, target in (ends, reversed(ends)):
        transfer = Transfer(star.lab, source, target, rate=1_000_000)
        wait_until(lambda: _segment_size(source) > 0, 5, "an inner connection")
        size = _segment_size(source)
        transfer.finish()
        check(1000 <= size < 1200, f"the segments have {size} bytes")


@case
def compression_framing_is_understood(star: Star) -> None:
    star.start_server("allow-compression asym", "comp-lzo no", 'push "comp-lzo no"')
    client = star.connect_client(1, "allow-compression asym", "comp-lzo no")
    check_connected(client)
    ends = Host(client.namespace, client.v4, client.v6), Host(star.server_namespace, SERVER_V4, SERVER_V6)
    bulk_both_ways(star.lab, *ends, 1 << 20)


@case
def clients_over_tcp_are_served_together(star: Star) -> None:
    star.start_server("client-to-client", proto="tcp4")
    first, second = (star.connect_client(spoke, certificate=name, proto="tcp4")
                     for spoke, name in ((1, "client"), (2, "client2")))
    ping(first.namespace, second.v4)
    ping(second.namespace, first.v6)


def _segment_size(host: Host) -> int:
    """Of the one TCP connection that goes out from here through the tunnel; 0 while there is none."""
    found = re.search(r"\bmss:(\d+)", host.namespace.run("ss", "-Htin", "state", "established", "src", host.v4))
    return int(found.group(1)) if found else 0


def _client_config(star: Star, name: str, *lines: str) -> Path:
    directory = star.lab.directory / "ccd"
    directory.mkdir(exist_ok=True)
    file = directory / name
    file.write_text("".join(line + "\n" for line in lines))
    return file


# Puts the answer off by exit status 2; what it leaves behind gives it.
def _late_password_script(star: Star, *, answer: int) -> Path:
    return star.lab.write("verify-late", f"""#!/bin/sh
printf 'the second factor is missing' > "$auth_failed_reason_file"
(sleep 2; printf {answer} > "$auth_control_file") > /dev/null 2>&1 &
exit 2
""", mode=0o700)


def _password_script(star: Star) -> Path:
    accepted = star.lab.write("accepted", "alice\nsecret\n")
    return star.lab.write("verify", f'#!/bin/sh\nexec cmp -s "$1" {accepted}\n', mode=0o700)
