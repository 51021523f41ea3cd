"""Directives that show only in a tunnel. Each function is a case; its name is the sentence it proves."""

from __future__ import annotations

import re
import sys
import time

from star import SERVER_V4, SERVER_V6, CaseList, Client, Star, check_connected, check_stays_out, tls_crypt_v2_keys
from support.capture import Capture, Datagram
from support.errors import check
from support.netns import Namespace, run
from support.process import Process, wait_until
from support.runner import Skipped
from support.traffic import Host, bulk_both_ways, ping
from support.tunnel import PORT

case = CaseList()
both_case = CaseList()  # those that need vpnd at both ends

P_DATA_V2, DATA_V2_OVERHEAD = 9, 24  # docs/protocol.md, sections 1 and 9
BURST = 400

# A web server in one process: answers every connection alike.
_WEB = """
import socket
listener = socket.create_server(("127.0.0.1", 8443))
print("listening", flush=True)
while True:
    connection, _ = listener.accept()
    connection.recv(1000)
    connection.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nhello from behind\\n")
    connection.close()
"""

# An HTTP proxy that wants a name and a password, or a SOCKS 5 proxy; carries bytes both ways.
_PROXY = """
import base64, socket, sys, threading, time
kind, port = sys.argv[1], int(sys.argv[2])
address = next((word for word in sys.argv[3:] if "." in word), "127.0.0.1")
def carry(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    for end in (a, b):
        try: end.shutdown(socket.SHUT_RDWR)
        except OSError: pass
def http(client):
    request = b""
    while b"\\r\\n\\r\\n" not in request:
        request += client.recv(1)
    wanted = b"Basic " + base64.b64encode(b"bob:secret")
    if wanted not in request:
        client.sendall(b"HTTP/1.0 407 Proxy Authentication Required\\r\\n\\r\\n")
        return client.close()
    host, _, number = request.split()[1].decode().rpartition(":")
    server = socket.create_connection((host, int(number)))
    client.sendall(b"HTTP/1.0 200 Connection established\\r\\n\\r\\n")
    return server
def socks(client):
    version, methods = client.recv(1), client.recv(ord(client.recv(1)))
    client.sendall(bytes([5, 0]))
    head = client.recv(4)
    host = socket.inet_ntoa(client.recv(4)) if head[3] == 1 else client.recv(ord(client.recv(1))).decode()
    number = int.from_bytes(client.recv(2), "big")
    if head[1] == 3:
        return associate(client)
    server = socket.create_connection((host, number))
    client.sendall(bytes([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
    return server
def associate(client):
    near, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    near.bind((address, 0))
    client.sendall(bytes([5, 0, 0, 1, 0, 0, 0, 0]) + near.getsockname()[1].to_bytes(2, "big"))
    print("carrying", flush=True)
    customer = []
    def back():
        while True:
            data, (host, number) = far.recvfrom(65536)
            near.sendto(bytes([0, 0, 0, 1]) + socket.inet_aton(host) + number.to_bytes(2, "big") + data, customer[0])
    def out():
        while True:
            data, whose = near.recvfrom(65536)
            customer[:] = [whose]
            assert data[:4] == bytes([0, 0, 0, 1])
            far.sendto(data[10:], (socket.inet_ntoa(data[4:8]), int.from_bytes(data[8:10], "big")))
            if len(threads) == 1:  # from now on it has an address
                threads.append(threading.Thread(target=back, daemon=True))
                threads[1].start()
    threads = [threading.Thread(target=out, daemon=True)]
    threads[0].start()
    if "short" in sys.argv:
        time.sleep(6)
        client.close()
    else:
        client.recv(1)
def serve(client):
    server = {"http": http, "socks": socks}[kind](client)
    if server is not None:
        print("carrying", flush=True)
        threading.Thread(target=carry, args=(client, server), daemon=True).start()
        carry(server, client)
listener = socket.create_server((address, port))
print("listening", flush=True)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
"""


@case
def topology_net30_gives_each_client_a_line(star: Star) -> None:
    star.start_server("topology net30", "client-to-client")
    first, second = star.connect_client(1), star.connect_client(2, certificate="client2")
    check(first.v4 == "10.8.0.6", f"the first client's address is {first.v4}")
    check_connected(first)
    ping(second.namespace, first.v4)


@case
def topology_p2p_gives_lines_to_one_address(star: Star) -> None:
    star.start_server("topology p2p")
    client = star.connect_client(1)
    check_connected(client)
    ping(star.server_namespace, client.v4)


@case
def one_server_listens_over_udp_and_tcp_at_several_addresses(star: Star) -> None:
    if not star.server_program.is_vpnd:
        raise Skipped("OpenVPN 2.6 has one listener")
    _, first_link = star.spoke(1)
    _, second_link = star.spoke(2)
    star.start_server(f"local {first_link.v4[0]} 1194 udp4", f"local {second_link.v4[0]} 1195 udp4",
                      f"local {first_link.v4[0]} 443 tcp4-server", "client-to-client")
    first = star.connect_client(1)
    second = star.connect_client(2, f"remote {second_link.v4[0]} 1195 udp4", "server-poll-timeout 2",
                                 certificate="client2")
    for client in (first, second):
        check_connected(client)
    ping(first.namespace, second.v4)
    first.process.terminate()
    star.wait_for_clients(1)
    third = star.connect_client(1, f"remote {first_link.v4[0]} 443", proto="tcp4", without=("remote ",))
    check_connected(third)
    ping(third.namespace, second.v4)
    check(len(star.wait_for_clients(2)) == 2, "not both are there")


@case
def port_share_passes_other_connections_on(star: Star) -> None:
    web = star.lab.write("web.py", _WEB)
    helper = star.lab.start_helper(star.server_namespace, "web", [sys.executable, str(web)])
    helper.wait_for("listening", 5)
    star.start_server("port-share 127.0.0.1 8443", proto="tcp4")
    namespace, link = star.spoke(1)
    answer = namespace.run(sys.executable, "-c", f"import socket; s = socket.create_connection(({link.v4[0]!r}, 1194)); "
                           "s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n'); print(s.recv(1000) + s.recv(1000))")
    check("hello from behind" in answer, f"the web server is not reached: {answer}")
    check_connected(star.connect_client(1, proto="tcp4"))


@case
def a_client_goes_through_an_http_proxy(star: Star) -> None:
    star.start_server(proto="tcp4")
    login = star.lab.write("proxy-login", "bob\nsecret\n")
    _check_through_proxy(star, "http", 3128, f"http-proxy 127.0.0.1 3128 {login} basic")


@case
def a_client_goes_through_a_socks_proxy(star: Star) -> None:
    star.start_server(proto="tcp4")
    _check_through_proxy(star, "socks", 1080, "socks-proxy 127.0.0.1 1080")


@case
def a_client_goes_through_a_socks_proxy_by_datagrams(star: Star) -> None:
    star.start_server("explicit-exit-notify 1")
    client = _check_through_proxy(star, "socks", 1080, "socks-proxy 127.0.0.1 1080", proto="udp4")
    target = Host(star.server_namespace, SERVER_V4, SERVER_V6)
    bulk_both_ways(star.lab, Host(client.namespace, client.v4, client.v6), target, 2_000_000)


@case
def a_client_comes_back_when_its_socks_proxy_ends_the_association(star: Star) -> None:
    if not star.client_program.is_vpnd:
        raise Skipped("OpenVPN waits until its pings are not answered")
    star.start_server()
    client = _check_through_proxy(star, "socks", 1080, "socks-proxy 127.0.0.1 1080", proto="udp4", options=("short",))
    client.process.wait_for("the proxy has ended the association", 15)
    client.wait_until_connected(times=2)
    check_connected(client)


@case
def multihome_answers_from_the_address_that_was_asked(star: Star) -> None:
    namespace, link = star.spoke(1)
    for proto, other, length, way in (("udp4", "198.51.100.77", 32, link.v4[0]), ("udp6", "fd00:99::77", 128, link.v6[0])):
        star.server_namespace.ip("address", "add", f"{other}/{length}", "dev", "lo")
        namespace.ip("route", "add", f"{other}/{length}", "via", way)
        remote = f"remote {other} {PORT}"
        star.start_server(proto=proto)
        client = star.start_client(1, remote, proto=proto, without=("remote ",))
        check_stays_out(client)  # it is answered from another address than it has asked
        star.lab.stop(client.process, star.server)
        star.start_server("multihome", proto=proto)
        client = star.connect_client(1, remote, proto=proto, without=("remote ",))
        check_connected(client)
        bulk_both_ways(star.lab, Host(star.server_namespace, SERVER_V4, SERVER_V6),
                       Host(client.namespace, client.v4, client.v6), 2_000_000)
        star.lab.stop(client.process, star.server)


@case
def passtos_gives_datagrams_the_class_of_the_packets_inside(star: Star) -> None:
    star.start_server()
    # OpenVPN marks no datagrams of IPv6.
    kinds = (("udp4", "ip"), ("udp6", "ip6")) if star.client_program.is_vpnd else (("udp4", "ip"),)
    for proto, family in kinds:
        if proto == "udp6":
            star.lab.stop(star.server)
            star.start_server(proto=proto)
        client = star.connect_client(1, "passtos", proto=proto)
        rules = f"""table {family} classes {{
  counter expedited {{
  }}
  chain arriving {{
    type filter hook input priority 0;
    iifname wan1 udp dport {PORT} {family} dscp ef counter name expedited
  }}
}}
"""
        star.server_namespace.run("nft", "-f", str(star.lab.write(f"{family}.nft", rules)))
        ping(client.namespace, SERVER_V4)
        check(_counted(star, family) == 0, "a plain echo request has another class outside")
        client.namespace.run("ping", "-q", "-n", "-c", "3", "-i", "0.2", "-Q", "0xb8", SERVER_V4)
        client.namespace.run("ping", "-q", "-n", "-c", "2", "-i", "0.2", "-Q", "0xb8", SERVER_V6)
        counted = _counted(star, family)
        check(counted == 5, f"{counted} of 5 datagrams had the class of the echo request")
        star.lab.stop(client.process)


@case
def inactive_ends_a_client_that_carries_nothing(star: Star) -> None:
    star.start_server('push "inactive 3"')
    client = star.connect_client(1)
    check_connected(client)
    wait_until(lambda: not client.process.running, 10, "the client's end")


@case
def session_timeout_ends_a_client_however_busy(star: Star) -> None:
    star.start_server('push "session-timeout 3"')
    client = star.connect_client(1)
    wait_until(lambda: not client.process.running, 10, "the client's end")


@case
def a_server_drops_clients_that_carry_nothing(star: Star) -> None:
    star.start_server("inactive 3")
    star.connect_client(1, "ping-restart 60", "connect-retry 30 30")
    star.wait_for_clients(1)
    wait_until(lambda: "Inactivity timeout" in star.server.text(), 10, "the server's word of it")


@case
def dev_null_is_a_tunnel_without_a_device(star: Star) -> None:
    star.start_server()
    client = star.connect_client(1, "dev null", "ifconfig-noexec", "route-noexec")
    check(not client.namespace.has_interface("tun0"), "there is a device")
    star.wait_for_clients(1)


@case
def revoked_serial_numbers_may_be_files_of_a_folder(star: Star) -> None:
    folder = star.lab.directory / "revoked"
    folder.mkdir()
    serial = run("openssl", "x509", "-noout", "-serial", "-in", str(star.pki.path("client.crt"))).strip().split("=")[1]
    (folder / str(int(serial, 16))).write_text("")
    star.start_server(f"crl-verify {folder} dir")
    check_stays_out(star.start_client(1))
    check_connected(star.connect_client(2, certificate="client2"))


@case
def pkcs12_holds_all_that_a_client_needs(star: Star) -> None:
    file = star.lab.directory / "client.p12"
    path = star.pki.path
    run("openssl", "pkcs12", "-export", "-in", str(path("client.crt")), "-inkey", str(path("client.key")),
        "-certfile", str(path("ca.crt")), "-out", str(file), "-passout", "pass:open")
    password = star.lab.write("p12-password", "open\n")
    star.start_server()
    config = star.lab.directory / "client-1.conf"
    client = star.start_client(1, f"pkcs12 {file}", f"askpass {password}", without=("ca ", "cert ", "key "))
    client.wait_until_connected()
    check("ca " not in config.read_text(), "the case has no point")
    check_connected(client)


@case
def routes_may_go_into_a_table_of_their_own(star: Star) -> None:
    if not star.client_program.is_vpnd:
        raise Skipped("OpenVPN 2.6 has no route-table")
    star.start_server('push "route 198.51.100.0 255.255.255.0"')
    client = star.connect_client(1, "route-table 77")
    check("198.51.100.0/24" in client.namespace.ip("route", "show", "table", "77"), "not in table 77")
    check("198.51.100.0/24" not in client.namespace.ip("route"), "in the main table")


@case
def tls_crypt_v2_keys_are_asked_about_and_may_be_too_old(star: Star) -> None:
    if not star.server_program.is_vpnd:
        raise Skipped("tests vpnd's server")
    server_key, client_key = tls_crypt_v2_keys(star)
    verify = star.lab.write("verify-key", '#!/bin/sh\n[ "$metadata_type" = 1 ] && [ -s "$metadata_file" ]\n', mode=0o700)
    lines = (f"tls-crypt-v2 {server_key}", "tls-crypt-v2-max-age 1", "script-security 2", f"tls-crypt-v2-verify {verify}")
    star.start_server(*lines, without=("tls-crypt ",))
    check_connected(star.connect_client(1, f"tls-crypt-v2 {client_key}", without=("tls-crypt ",)))
    verify.write_text("#!/bin/sh\nexit 1\n")
    check_stays_out(star.start_client(2, f"tls-crypt-v2 {client_key}", certificate="client2", without=("tls-crypt ",)))


@case
def a_peer_of_another_make_never_sees_a_batch(star: Star) -> None:
    """By capture: each data packet is one inner packet in OpenVPN's format, and there are as many of them."""
    if star.server_program.is_vpnd and star.client_program.is_vpnd:
        raise Skipped("needs OpenVPN at one end")
    namespace, device, target = _vpnd_side(star)
    inner = namespace.ip
    before = _sent_packets(inner("-s", "-o", "link", "show", "dev", "tun0"))
    data, echoes = _capture_burst(star, namespace, device, target)
    sent = _sent_packets(inner("-s", "-o", "link", "show", "dev", "tun0")) - before
    check(echoes == BURST, f"{echoes} datagrams hold one echo request of {BURST}")
    check(len(data) >= sent, f"{sent} packets left in {len(data)} datagrams")


@both_case
def two_vpnd_put_several_packets_into_a_datagram(star: Star) -> None:
    """So that it is known that a capture would show it."""
    if not (star.server_program.is_vpnd and star.client_program.is_vpnd):
        raise Skipped("needs vpnd at both ends")
    namespace, device, target = _vpnd_side(star, "batch-hold 2000")
    _, echoes = _capture_burst(star, namespace, device, target)
    check(echoes < BURST, "every echo request had a datagram of its own")


def _vpnd_side(star: Star, *lines: str) -> tuple[Namespace, str, str]:
    """A tunnel, and of an end that is vpnd: namespace, outer device, and the address of the other end inside."""
    star.start_server()
    client = star.connect_client(1, *(lines if star.client_program.is_vpnd else ()))
    check_connected(client)
    if star.client_program.is_vpnd:
        return client.namespace, "wan1", SERVER_V4
    return star.server_namespace, "wan1", client.v4


def _capture_burst(star: Star, namespace: Namespace, device: str, target: str) -> tuple[list[Datagram], int]:
    """The data packets that leave while many echo requests do, and how many of them have the size of one."""
    capture = Capture(star.lab, namespace, device)
    namespace.run("ping", "-q", "-n", "-f", "-l", "20", "-c", str(BURST), "-s", "100", target, timeout=60)
    data = [datagram for datagram in capture.finish() if datagram.opcode == P_DATA_V2]
    return data, sum(datagram.size == 128 + DATA_V2_OVERHEAD for datagram in data)


def _sent_packets(link: str) -> int:
    return int(link.split("TX:")[1].split("\\")[1].split()[1])


def _counted(star: Star, family: str) -> int:
    listing = star.server_namespace.run("nft", "list", "counter", family, "classes", "expedited")
    return int(re.search(r"packets (\d+)", listing).group(1))


def start_proxy(star: Star, kind: str, port: int, *options: str, namespace: Namespace | None = None) -> Process:
    """Beside the first client, on loopback; or somewhere else, where one of the options is its address."""
    namespace = namespace or star.spoke(1)[0]
    script = star.lab.write("proxy.py", _PROXY)
    proxy = star.lab.start_helper(namespace, "proxy", [sys.executable, str(script), kind, str(port), *options])
    proxy.wait_for("listening", 5)
    return proxy


def _check_through_proxy(star: Star, kind: str, port: int, line: str, *, proto: str = "tcp4",
                         options: tuple[str, ...] = ()) -> Client:
    proxy = start_proxy(star, kind, port, *options)
    client = star.connect_client(1, line, proto=proto)
    check_connected(client)
    check(proxy.count("carrying") == 1, "the connection went beside the proxy")
    return client


@case
def two_ends_need_no_server(star: Star) -> None:
    """Point-to-point mode, where nothing is pushed; both ends begin a renegotiation while packets go on."""
    namespace, link = star.spoke(1)
    near, far = star.server_namespace, namespace
    common = ("dev tun", "proto udp4", "ca " + str(star.pki.path("ca.crt")), "verb 3", "keepalive 1 10",
              f"tls-crypt {star.pki.path('tls-crypt.key')}", "data-ciphers AES-256-GCM:CHACHA20-POLY1305")
    listening = _end(star, star.server_program, "server", *common, "tls-server", "dh none", "port 1194",
                     "ifconfig 10.9.0.1 10.9.0.2", "ifconfig-ipv6 fd00:9::1/64 fd00:9::2", "reneg-sec 4")
    connecting = _end(star, star.client_program, "client", *common, "tls-client", f"remote {link.v4[0]} 1194", "nobind",
                      "ifconfig 10.9.0.2 10.9.0.1", "ifconfig-ipv6 fd00:9::2/64 fd00:9::1", "remote-cert-tls server")
    server = star.lab.start(near, "listening", star.server_program.command(listening))
    time.sleep(0.5)
    client = star.lab.start(far, "connecting", star.client_program.command(connecting))
    client.wait_for("Initialization Sequence Completed", 20)
    for address in ("10.9.0.1", "fd00:9::1"):
        ping(far, address)
    agreed = client.count(star.client_program.keys_agreed)
    client.wait_for(star.client_program.keys_agreed, 15, count=agreed + 1)
    ping(near, "10.9.0.2")
    check(server.terminate() == 0, "the listening end's exit status is not 0")


def _end(star: Star, program, certificate: str, *lines: str):
    own = ("cert " + str(star.pki.path(certificate + ".crt")), "key " + str(star.pki.path(certificate + ".key")))
    return star.lab.write(f"end-{certificate}.conf", "".join(line + "\n" for line in (*lines, *own, *program.own_options)))


@both_case
def packets_go_in_epochs_where_both_ends_can(star: Star) -> None:
    if not (star.server_program.is_vpnd and star.client_program.is_vpnd):
        raise Skipped("OpenVPN 2.6 knows no epochs")
    star.start_server("batch-channel off", "reneg-sec 4")
    client = star.connect_client(1, "batch-channel off")
    check("Data channel: epochs" in client.process.text(), "no epochs were agreed")
    check_connected(client)
    agreed = client.process.count(star.client_program.keys_agreed)
    client.process.wait_for(star.client_program.keys_agreed, 15, count=agreed + 1)
    check_connected(client)
