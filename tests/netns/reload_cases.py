"""What a running server does with SIGHUP. Each function is a case; its name is the sentence it proves."""

from __future__ import annotations

import shutil
import signal
import socket
from dataclasses import replace

from star import CaseList, Client, Star, check_connected, check_stays_out
from support.console import Console
from support.console import Console
from support.errors import check
from support.process import wait_until
from support.programs import COMPLETED, Program
from support.runner import Skipped

case = CaseList()

IN_FORCE = "the configuration is in force"


@case
def sighup_changes_what_new_clients_get_and_keeps_those_that_are_there(star: Star) -> None:
    star.start_server('push "route 203.0.113.0 255.255.255.0"', "duplicate-cn")
    first = star.connect_client(1)
    _rewrite(star, "203.0.113.0", "198.51.100.0")
    _reload(star)
    second = star.connect_client(2)
    wait_until(lambda: "198.51.100.0/24" in second.namespace.ip("route"), 5, "the route that is pushed now")
    check("203.0.113.0/24" in first.namespace.ip("route"), "the first client has lost its route")
    _check_undisturbed(star, first)
    star.wait_for_clients(2)


@case
def sighup_takes_a_directory_of_client_files(star: Star) -> None:
    star.start_server()
    first = star.connect_client(1)
    directory = star.lab.directory / "clients"
    directory.mkdir()
    (directory / "client2").write_text("ifconfig-push 10.8.0.77 255.255.255.0\n")
    _rewrite(star, "verb 3", f"verb 3\nclient-config-dir {directory}")
    _reload(star)
    second = star.connect_client(2, certificate="client2")
    check(second.v4 == "10.8.0.77", f"the second client's address is {second.v4}")
    _check_undisturbed(star, first)


@case
def sighup_takes_another_certificate_and_revocation_list(star: Star) -> None:
    """A client that was there renews its keys with the new ones; who is revoked comes no more."""
    certificate, key = star.lab.directory / "server.crt", star.lab.directory / "server.key"
    shutil.copy(star.pki.path("server.crt"), certificate)
    shutil.copy(star.pki.path("server.key"), key)
    star.start_server(f"cert {certificate}", f"key {key}", "duplicate-cn", without=("cert ", "key "))
    first = star.connect_client(1, "reneg-sec 5")
    revoked = star.connect_client(2, certificate="revoked")
    revoked.process.terminate()
    star.pki.issue("server-2", "serverAuth")
    shutil.copy(star.pki.path("server-2.crt"), certificate)
    shutil.copy(star.pki.path("server-2.key"), key)
    _rewrite(star, "duplicate-cn", f"duplicate-cn\ncrl-verify {star.pki.path('crl.pem')}")
    _reload(star)
    check_stays_out(star.start_client(3, certificate="revoked"))
    first.process.wait_for("CN *= *server-2", 20)
    _check_undisturbed(star, first)


@case
def sighup_takes_another_verbosity(star: Star) -> None:
    socket = star.lab.directory / "server.sock"
    star.start_server(f"management {socket} unix")
    client = star.connect_client(1)
    _rewrite(star, "verb 3", "verb 5")
    _reload(star)
    console = Console(socket)
    console.wait_for(">INFO:")
    check(console.ask("verb") == ["SUCCESS: verb=5"], "the verbosity is another")
    _check_undisturbed(star, client)


@case
def sighup_with_a_broken_configuration_changes_nothing(star: Star) -> None:
    star.start_server()
    client = star.connect_client(1)
    _rewrite(star, "verb 3", "verb 3\nno-such-directive 1")
    star.server.send_signal(signal.SIGHUP)
    star.server.wait_for("nothing has changed", 10)
    check("no-such-directive" in star.server.text(), "the log does not name the word at fault")
    _check_undisturbed(star, client)


@case
def sighup_begins_anew_for_what_a_running_server_cannot_change(star: Star) -> None:
    star.start_server("explicit-exit-notify 1")
    client = star.connect_client(1)
    _rewrite(star, "verb 3", "verb 3\ntxqueuelen 777")
    star.server.send_signal(signal.SIGHUP)
    star.server.wait_for("begun anew because of: txqueuelen", 10)
    star.server.wait_for(COMPLETED, 15, count=2)
    client.wait_until_connected(times=2, timeout=30)
    check_connected(client)


@case
def a_management_client_stays_while_a_server_begins_anew(star: Star) -> None:
    at = star.lab.directory / "server.sock"
    star.start_server(f"management {at} unix")
    console = Console(at)
    console.ask("state on")
    client = star.connect_client(1)
    _rewrite(star, "verb 3", "verb 3\ntxqueuelen 777")
    console.ask("signal SIGHUP")
    console.wait_for(r">STATE:\d+,RECONNECTING,SIGHUP")
    console.wait_for(r">STATE:\d+,CONNECTED,SUCCESS")
    client.wait_until_connected(times=2, timeout=60)
    check(console.ask("load-stats")[0].startswith("SUCCESS: nclients=1,"), "it does not speak of the new server")
    check_connected(client)


@case
def management_clients_are_told_why_all_cannot_be_begun_anew(star: Star) -> None:
    at = star.lab.directory / "server.sock"
    star.start_server(f"management {at} unix")
    console = Console(at)
    _rewrite(star, "port 1194", "port 1194\nlocal 192.0.2.99")
    console.ask("signal SIGHUP")
    console.wait_for(">FATAL:.*192.0.2.99")
    wait_until(lambda: not star.server.running, 10, "the server's end")
    check(star.server.wait(5) == 1, "its exit status is not 1")


@case
def sighup_may_move_the_management_interface(star: Star) -> None:
    before, after = (star.lab.directory / f"{name}.sock" for name in ("before", "after"))
    star.start_server(f"management {before} unix")
    console = Console(before)
    _rewrite(star, f"management {before}", f"management {after}")
    star.server.send_signal(signal.SIGHUP)
    console.listen(20)
    check(console.closed, "the connection is there still")
    wait_until(lambda: not before.exists(), 5, "the end of the former socket")
    Console(after).wait_for(">INFO:")


@case
def the_service_manager_hears_of_a_reload_and_of_no_end(star: Star) -> None:
    """By the protocol of sd_notify(3)."""
    if not star.server_program.is_vpnd:
        raise Skipped("tests vpnd's units")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(star.lab.directory / "notify"))
        manager.settimeout(15)
        star.server_program = _of_a_service(star)
        star.start_server()
        check(_told(manager, until="READY") == ["READY"], "it is not ready")
        _rewrite(star, "verb 3", "verb 3\ntxqueuelen 777")
        star.server.send_signal(signal.SIGHUP)
        told = _told(manager, until="READY")
        check(told == ["RELOADING", "READY"], f"while all is begun anew the service manager is told {told}")
        star.server.terminate()
        check(_told(manager, until="STOPPING") == ["STOPPING"], "it is told of no end")


def _of_a_service(star: Star) -> Program:
    wrapper = star.lab.write("service", f"""#!/bin/sh
NOTIFY_SOCKET={star.lab.directory / "notify"} exec {star.server_program.path} "$@"
""", mode=0o755)
    return replace(star.server_program, path=str(wrapper))


def _told(manager: socket.socket, *, until: str) -> list[str]:
    told: list[str] = []
    while not told or told[-1] != until:
        word = manager.recv(4096).decode().partition("=")[0]
        told += [word] if word != "STATUS" else []
    return told


def _rewrite(star: Star, old: str, new: str) -> None:
    if not star.server_program.is_vpnd:
        raise Skipped("OpenVPN begins anew on SIGHUP")
    config = star.lab.directory / "server.conf"
    text = config.read_text()
    check(old in text, f"the server's configuration does not say {old}")
    config.write_text(text.replace(old, new))


def _reload(star: Star) -> None:
    star.server.send_signal(signal.SIGHUP)
    star.server.wait_for(IN_FORCE, 10)


def _check_undisturbed(star: Star, client: Client) -> None:
    check_connected(client)
    check(star.server.count(COMPLETED) == 1, "the server has begun anew")
    check(client.process.count(COMPLETED) == 1, "the client had to connect again")
