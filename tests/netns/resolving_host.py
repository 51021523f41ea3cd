"""A client's machine that looks names up, and a server that has name servers on both ways to it."""

from __future__ import annotations

import sys
from pathlib import Path

import support
from star import SERVER_V4, Client, Star
from support.errors import check
from support.machine import Machine
from support.process import Process

_NAME_SERVER = str(Path(support.__file__).with_name("name_server.py"))
_AS_NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--")
OUTSIDE, INSIDE = "192.0.1.1", SERVER_V4  # the name servers: on the way without a tunnel, and in it


class ResolvingHost:
    """The machine of client 1. Libc reads what /etc/resolv.conf of this machine says, and nothing else."""

    def __init__(self, star: Star, *packages: str) -> None:
        namespace, _ = star.spoke(1)
        self.star, self.machine = star, Machine(star.lab, namespace, *packages)
        self.machine.shell("echo hosts: dns > /etc/nsswitch.conf; rm -f /etc/resolv.conf")
        star.client_program = self.machine.program(star.client_program)

    def connect(self, *lines: str, pushed: tuple[str, ...]) -> Client:
        """Starts the server with name servers, and connects a client whose dns-updown is what it is by default."""
        self.star.start_server(*(f'push "{words}"' for words in pushed))
        self._asked = self._start_name_server()
        return self.star.connect_client(1, "dev tun0", *lines, without=("dns-updown", "dev tun"))

    def _start_name_server(self) -> Process:
        command = [sys.executable, _NAME_SERVER, OUTSIDE, INSIDE, f"{INSIDE}:5353"]
        process = self.star.lab.start_helper(self.star.server_namespace, "name-server", command)
        process.wait_for("^ready", 15)
        return process

    def check_asks(self, server: str, name: str) -> None:
        """Checks which name server is asked when somebody on this machine looks the name up."""
        answer = self.machine.run(*_AS_NOBODY, "getent", "ahostsv4", name).split()[0]
        check(answer == server, f"{answer} was asked for {name}, not {server}")

    def questions(self) -> list[str]:
        """Lines ADDRESS:PORT NAME, of what was asked so far."""
        return self._asked.text().splitlines()[1:]
