"""Whole sites as people have them, in which only the program is exchanged: their files and command lines stay as they are.

Each is written in the style of what is in use: a server that an installer has set up, two offices with networks behind
them, a provider whose customers have nothing but a name and a password.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from star import CaseList, Star, check_stays_out, tls_crypt_v2_keys
from star import Client as StarClient
from support.errors import check
from support.netns import Namespace
from support.process import Process, wait_until
from support.programs import COMPLETED
from support.traffic import ping

case = CaseList()

FAR_V4 = "198.51.100.1"

ROAD_WARRIOR_SERVER = """\
port 1194
proto udp
dev tun
user nobody
group nogroup
persist-key
persist-tun
keepalive 10 120
topology subnet
server 10.8.0.0 255.255.255.0
ifconfig-pool-persist ipp.txt
push "dhcp-option DNS 94.140.14.14"
push "dhcp-option DNS 94.140.15.15"
push "redirect-gateway def1 bypass-dhcp"
push "block-outside-dns"
dh none
tls-groups prime256v1
tls-crypt-v2 v2-server.key
crl-verify crl.pem
ca ca.crt
cert server.crt
key server.key
auth SHA256
cipher AES-128-GCM
ignore-unknown-option data-ciphers
data-ciphers AES-128-GCM
ncp-ciphers AES-128-GCM
tls-server
tls-version-min 1.2
remote-cert-tls client
tls-cipher TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256
tls-ciphersuites TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256
client-config-dir ccd
explicit-exit-notify 1
verb 3
"""

ROAD_WARRIOR_CLIENT = """\
client
proto udp
explicit-exit-notify
remote {server} 1194
dev tun
resolv-retry infinite
nobind
persist-key
persist-tun
remote-cert-tls server
verify-x509-name server name
auth SHA256
auth-nocache
cipher AES-128-GCM
ignore-unknown-option data-ciphers
data-ciphers AES-128-GCM
tls-client
tls-version-min 1.2
tls-cipher TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256
tls-ciphersuites TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256
ignore-unknown-option block-outside-dns
setenv opt block-outside-dns
verb 3
script-security 2
up {up}
"""

OFFICE_SERVER = """\
local {address}
port 1194
proto udp4
dev tun0
mode server
tls-server
topology subnet
ifconfig 10.20.0.1 255.255.255.0
route-gateway 10.20.0.2
ifconfig-pool 10.20.0.50 10.20.0.99
ifconfig-ipv6 fd00:20::1/64 fd00:20::2
ifconfig-ipv6-pool fd00:20::50/64
push "topology subnet"
push "route-gateway 10.20.0.1"
push "tun-ipv6"
push "route 192.168.1.0 255.255.255.0"
push "route-ipv6 fd00:a1::/64"
push "route 192.168.7.0 255.255.255.0"
route 192.168.7.0 255.255.255.0
route-ipv6 fd00:a7::/64
client-config-dir ccd
ccd-exclusive
client-to-client
ca ca.crt
cert server.crt
key server.key
dh none
tls-auth ta.key 0
auth SHA512
keepalive 5 30
float
verb 3
"""

OFFICE_CLIENT = """\
client
dev tun
proto udp4
remote {server} 1194
nobind
ca ca.crt
cert client.crt
key client.key
tls-auth ta.key 1
auth SHA512
remote-cert-tls server
verb 3
"""

PROVIDER_SERVER = """\
port 1194
proto udp
dev tun
topology subnet
server 10.30.0.0 255.255.0.0
ca ca.crt
cert server.crt
key server.key
dh none
tls-auth ta.key 0
auth SHA512
data-ciphers AES-256-GCM:AES-128-GCM
verify-client-cert none
username-as-common-name
script-security 2
auth-user-pass-verify {verify} via-file
push "redirect-gateway def1"
push "dhcp-option DNS 10.30.0.1"
push "comp-lzo no"
push "ping 10"
push "ping-restart 60"
allow-compression asym
comp-lzo no
reneg-sec 0
duplicate-cn
verb 3
"""

PROVIDER_CLIENT = """\
client
dev tun
proto udp
remote 203.0.113.1 1194
remote {server} 1194
remote-random
server-poll-timeout 3
resolv-retry infinite
nobind
tun-mtu 1500
tun-mtu-extra 32
mssfix 1450
persist-key
persist-tun
ping 15
ping-restart 0
ping-timer-rem
reneg-sec 0
comp-lzo no
remote-cert-tls server
auth-user-pass {login}
auth-nocache
verb 3
pull
fast-io
cipher AES-256-CBC
auth SHA512
sndbuf 524288
rcvbuf 524288
setenv CLIENT_CERT 0
pull-filter ignore "dhcp-option DNS6"
key-direction 1
<ca>
{ca}</ca>
<tls-auth>
{ta}</tls-auth>
"""


@case
def a_road_warrior_server_as_an_installer_leaves_it(star: Star) -> None:
    folder = _server_folder(star, "ca.crt", "server.crt", "server.key", "crl.pem")
    tls_crypt_v2_keys(star)
    _write(folder / "server.conf", ROAD_WARRIOR_SERVER)
    _write(folder / "ccd" / "client", "ifconfig-push 10.8.0.77 255.255.255.0\n")
    server = _start(star, star.server_namespace, "server", folder, "--status", str(folder / "status"), "1",
                    "--status-version", "2", "--suppress-timestamps")
    namespace, link = star.spoke(1)
    star.server_namespace.ip("address", "add", FAR_V4 + "/32", "dev", "lo")
    namespace.ip("route", "add", "default", "via", link.v4[0])
    routes_before = namespace.ip("route")
    # "client" has a file of its own, "client2" has none, and "revoked" is on the list.
    told = folder / "told"
    client = _start_profile(star, namespace, "client", link.v4[0], told)
    client.wait_for(COMPLETED, 20)
    check("10.8.0.77" in namespace.ip("address", "show", "dev", "tun0"), "the address is not that of the client's file")
    ping(namespace, FAR_V4)
    check("dhcp-option DNS 94.140.14.14" in told.read_text(), f"the up script was told: {told.read_text()}")
    second, second_link = star.spoke(2)
    revoked = _start_profile(star, second, "revoked", second_link.v4[0], folder / "told-2")
    check_stays_out(StarClient(second, second_link, revoked, 0))
    wait_until(lambda: "CLIENT_LIST,client," in (folder / "status").read_text(), 10, "the client in the status file")
    check(client.terminate() == 0, "the client's exit status is not 0")
    check(namespace.ip("route") == routes_before, "routing is not as it was")
    check(server.terminate() == 0, "the server's exit status is not 0")


@case
def two_offices_reach_each_others_networks(star: Star) -> None:
    namespace, link = star.spoke(1)
    folder = _server_folder(star, "ca.crt", "server.crt", "server.key", "client.crt", "client.key")
    shutil.copy(star.pki.path("tls-auth.key"), folder / "ta.key")
    _write(folder / "server.conf", OFFICE_SERVER.format(address=link.v4[0]))
    _write(folder / "ccd" / "client", "ifconfig-push 10.20.0.7 255.255.255.0\niroute 192.168.7.0 255.255.255.0\n"
                                      "iroute-ipv6 fd00:a7::/64\n")
    _write(folder / "client.conf", OFFICE_CLIENT.format(server=link.v4[0]))
    for host, addresses in ((star.server_namespace, ("192.168.1.1/24", "fd00:a1::1/64")),
                            (namespace, ("192.168.7.1/24", "fd00:a7::1/64"))):
        for address in addresses:
            host.ip("address", "add", address, "dev", "lo")
    server = _start(star, star.server_namespace, "server", folder)
    server.wait_for(COMPLETED, 15)
    client = _start(star, namespace, "client", folder)
    client.wait_for(COMPLETED, 20)
    for address in ("192.168.1.1", "fd00:a1::1"):
        ping(namespace, address, own_address=_same_family(address, "192.168.7.1", "fd00:a7::1"))
    for address in ("192.168.7.1", "fd00:a7::1"):
        ping(star.server_namespace, address, own_address=_same_family(address, "192.168.1.1", "fd00:a1::1"))
    routes = namespace.ip("route")
    check("192.168.1.0/24" in routes, "the pushed route is missing")
    check("192.168.7.0/24 via" not in routes, "the client was pushed a route to what lies behind itself")


@case
def a_provider_knows_its_customers_by_name_and_password(star: Star) -> None:
    folder = _server_folder(star, "ca.crt", "server.crt", "server.key")
    shutil.copy(star.pki.path("tls-auth.key"), folder / "ta.key")
    accepted = star.lab.write("accepted", "p1234567\nOGrdt8hMq9\n", mode=0o644)
    verify = star.lab.write("verify", f'#!/bin/sh\nexec cmp -s "$1" {accepted}\n', mode=0o755)
    _write(folder / "server.conf", PROVIDER_SERVER.format(verify=verify))
    login = star.lab.write("login", "p1234567\nOGrdt8hMq9\n")
    namespace, link = star.spoke(1)
    star.server_namespace.ip("address", "add", FAR_V4 + "/32", "dev", "lo")
    namespace.ip("route", "add", "default", "via", link.v4[0])
    _write(folder / "profile.conf", PROVIDER_CLIENT.format(server=link.v4[0], login=login, ca=star.pki.text("ca.crt"),
                                                            ta=star.pki.text("tls-auth.key")))
    _start(star, star.server_namespace, "server", folder).wait_for(COMPLETED, 15)
    client = _start(star, namespace, "profile", folder)
    client.wait_for(COMPLETED, 30)
    ping(namespace, FAR_V4)
    check("0.0.0.0/1" in namespace.ip("route"), "traffic is not redirected")


def _server_folder(star: Star, *files: str) -> Path:
    """What /etc/openvpn/server is elsewhere; readable for the user that servers become."""
    folder = star.lab.directory
    folder.chmod(0o755)
    (folder / "ccd").mkdir()
    for name in files:
        shutil.copy(star.pki.path(name), folder / name)
    return folder


def _write(file: Path, text: str) -> None:
    file.write_text(text)


def _start(star: Star, namespace: Namespace, name: str, folder: Path, *arguments: str) -> Process:
    program = star.server_program if name == "server" else star.client_program
    own = ["--dns-updown", "disable"] if program.is_vpnd else ["--disable-dco"]  # these have the host's /etc
    return star.lab.start(namespace, name, [program.path, "--cd", str(folder), *arguments, "--config", f"{name}.conf", *own])


def _start_profile(star: Star, namespace: Namespace, name: str, server: str, told: Path) -> Process:
    """A client with everything inline, as installers hand it out."""
    up = star.lab.write(f"up-{name}", f'#!/bin/sh\nenv | grep ^foreign_option > {told}\nexit 0\n', mode=0o755)
    inline = "".join(f"<{block}>\n{text}</{block}>\n" for block, text in (
        ("ca", star.pki.text("ca.crt")), ("cert", star.pki.text(f"{name}.crt")), ("key", star.pki.text(f"{name}.key")),
        ("tls-crypt-v2", (star.lab.directory / "v2-client.key").read_text())))
    _write(star.lab.directory / f"{name}.conf", ROAD_WARRIOR_CLIENT.format(server=server, up=up) + inline)
    return _start(star, namespace, name, star.lab.directory)


def _same_family(address: str, v4: str, v6: str) -> str:
    return v6 if ":" in address else v4
