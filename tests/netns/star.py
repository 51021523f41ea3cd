"""One server and several clients, each client in a namespace of its own.

                       ┌── veth 192.0.1.0/24 ── client 1
    server namespace ──┼── veth 192.0.2.0/24 ── client 2
                       └── …
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from support.errors import CheckFailed, check
from support.lab import Lab
from support.netns import Link, Namespace, connect, run
from support.pki import Pki
from support.process import Process, wait_until
from support.programs import COMPLETED, Program
from support.status import ConnectedClient, connected_clients
from support.traffic import ping
from support.tunnel import TunnelOptions, start_client, start_server

SERVER_V4, SERVER_V6 = "10.8.0.1", "fd00:8::1"


class CaseList(list[Callable[["Star"], None]]):
    """A list of cases that is used as a decorator: `case = CaseList()`, then `@case` before each function."""

    def __call__(self, body: Callable[[Star], None]) -> Callable[[Star], None]:
        self.append(body)
        return body


class Client:
    def __init__(self, namespace: Namespace, link: Link, process: Process, completions: int) -> None:
        self.namespace, self.link, self.process = namespace, link, process
        self._completions = completions  # of earlier programs that wrote into the same log

    def wait_until_connected(self, *, times: int = 1, timeout: float = 20) -> None:
        self.process.wait_for(COMPLETED, timeout, count=self._completions + times)

    @property
    def connected(self) -> bool:
        return self.process.count(COMPLETED) > self._completions

    @property
    def v4(self) -> str:
        return self._address("inet")

    @property
    def v6(self) -> str:
        return self._address("inet6")

    def _address(self, family: str) -> str:
        for line in self.namespace.ip("-o", "address", "show", "dev", "tun0", "scope", "global").splitlines():
            words = line.split()
            if words[2] == family:
                return words[3].split("/")[0]
        raise CheckFailed(f"{self.process.name} has no {family} address on tun0")


class Star:
    def __init__(self, lab: Lab, pki: Pki, server: Program, client: Program) -> None:
        self.lab, self.pki = lab, pki
        self.server_program, self.client_program = server, client
        self.server_namespace = lab.namespace("server")
        self.server: Process
        self._spokes: list[tuple[Namespace, Link]] = []

    def start_server(self, *lines: str, proto: str = "udp4", without: tuple[str, ...] = ()) -> None:
        """Starts it, or starts it again after it has ended. `without`: beginnings of usual lines to leave out."""
        log = self.lab.directory / "server.log"
        before = log.read_text(errors="replace").count(COMPLETED) if log.exists() else 0
        options = TunnelOptions(proto=proto, server=list(lines), without=without)
        self.server = start_server(self.lab, self.pki, self.server_program, self.server_namespace, None, options)
        self.server.wait_for(COMPLETED, 15, count=before + 1)

    def start_client(self, spoke: int, *lines: str, certificate: str = "client", proto: str = "udp4",
                     without: tuple[str, ...] = ()) -> Client:
        """Starts the client at the end of spoke 1, 2, …, without waiting for its connection."""
        namespace, link = self.spoke(spoke)
        name = f"client-{spoke}"
        log = self.lab.directory / f"{name}.log"
        before = log.read_text(errors="replace").count(COMPLETED) if log.exists() else 0
        options = TunnelOptions(proto=proto, client=list(lines), without=without)
        process = start_client(self.lab, self.pki, self.client_program, namespace, link, options,
                               certificate=certificate, name=name)
        return Client(namespace, link, process, before)

    def connect_client(self, spoke: int, *lines: str, certificate: str = "client", proto: str = "udp4",
                       without: tuple[str, ...] = ()) -> Client:
        client = self.start_client(spoke, *lines, certificate=certificate, proto=proto, without=without)
        client.wait_until_connected()
        return client

    def spoke(self, number: int) -> tuple[Namespace, Link]:
        while len(self._spokes) < number:
            index = len(self._spokes) + 1
            namespace = self.lab.namespace(f"c{index}")
            link = connect(self.server_namespace, namespace, device=f"wan{index}", subnet=index)
            self._spokes.append((namespace, link))
        return self._spokes[number - 1]

    def wait_for_clients(self, count: int) -> list[ConnectedClient]:
        """The rows of the status file, as soon as there are `count` of them."""
        status = self.lab.directory / "status"
        wait_until(lambda: len(connected_clients(status)) == count, 15, f"{count} clients in the status file")
        return connected_clients(status)


def tls_crypt_v2_keys(star: Star) -> tuple[Path, Path]:
    """A server's and a client's key, made by the program that plays the server."""
    server, client = star.lab.directory / "v2-server.key", star.lab.directory / "v2-client.key"
    run(star.server_program.path, "--genkey", "tls-crypt-v2-server", str(server))
    run(star.server_program.path, "--tls-crypt-v2", str(server), "--genkey", "tls-crypt-v2-client", str(client))
    return server, client


def with_mounts(star: Star, program: Program, mounts: dict[str, Path]) -> Program:
    """The program in a mount namespace of its own, in which other files stand in for those of the host."""
    binds = " && ".join(f"mount --bind {source} {target}" for target, source in mounts.items())
    wrapper = star.lab.write(f"{program.name}-with-mounts", f"""#!/bin/sh
exec unshare --mount --propagation private sh -c '{binds} && exec {program.path} "$@"' sh "$@"
""", mode=0o755)
    return replace(program, path=str(wrapper))


def check_silence(source: Namespace, address: str, *options: str) -> None:
    """Checks that echo requests are not answered."""
    try:
        source.run("ping", "-q", "-n", "-c", "2", "-i", "0.2", "-W", "1", *options, address)
    except RuntimeError:
        return
    raise CheckFailed(f"{address} answers, which it must not")


def check_stays_out(client: Client, seconds: float = 4) -> None:
    """Checks that a client does not get in, for as long as a good one would need several times over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        check(not client.connected, f"{client.process.name} got in")
        time.sleep(0.1)


def check_connected(client: Client) -> None:
    ping(client.namespace, SERVER_V4)
    ping(client.namespace, SERVER_V6)
