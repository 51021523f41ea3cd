#!/usr/bin/env python3
"""A UDP relay that stands between a client and its server and makes the road worse.

    relay.py --listen 127.0.0.1:1195 --to 192.0.1.1:1194 --drop 0.05 --repeat 0.02 --reorder 0.05 --flip 0.01

Like a NAT it has a port of its own towards the server for each port of the client: vpnd has one per lane. On SIGUSR1 it
goes on with fresh ones, as a NAT that forgot its mappings: the server sees the client come from other ports. On SIGUSR2 it begins or ceases to swallow OpenVPN's control
packets, so that a handshake fails while data go through. Prints "relaying" when it is ready, "moved PORT…", "closed
to control packets" and "open to control packets" after that.
"""

from __future__ import annotations

import argparse
import random
import select
import signal
import socket
import time

MAX_DATAGRAM = 65535
REORDER_SECONDS = 0.02  # how much later a reordered datagram goes out
SO_RCVBUFFORCE = 33  # asm-generic/socket.h: beyond net.core.rmem_max
BUFFER_BYTES = 8 << 20  # on a busy machine the relay may wait for its turn as long as a second
DATA_OPCODES = (6, 9)  # P_DATA_V1, P_DATA_V2: the upper five bits of the first byte


class Road:
    """One direction: decides the fate of each datagram."""

    def __init__(self, options: argparse.Namespace, dice: random.Random) -> None:
        self._options = options
        self._dice = dice
        self.carries_control = True
        self._late: list[tuple[float, bytes, Port]] = []

    def passes(self, datagram: bytes, port: Port) -> list[bytes]:
        """What comes out at once; reordered datagrams wait until they are due()."""
        roll, options = self._dice.random, self._options
        if not self.carries_control and datagram and datagram[0] >> 3 not in DATA_OPCODES:
            return []
        if roll() < options.drop:
            return []
        if datagram and roll() < options.flip:
            bit = self._dice.randrange(len(datagram) * 8)
            flipped = bytearray(datagram)
            flipped[bit // 8] ^= 1 << bit % 8
            datagram = bytes(flipped)
        if roll() < options.reorder:
            self._late.append((time.monotonic() + REORDER_SECONDS, datagram, port))
            return []
        return [datagram, datagram] if roll() < options.repeat else [datagram]

    def due(self) -> list[tuple[bytes, Port]]:
        now = time.monotonic()
        ready = [(datagram, port) for due, datagram, port in self._late if due <= now]
        self._late = [entry for entry in self._late if entry[0] > now]
        return ready


def parse_endpoint(text: str) -> tuple[socket.AddressFamily, tuple[str, int]]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    return (socket.AF_INET6 if ":" in host else socket.AF_INET), (host, int(port))


def open_socket(family: socket.AddressFamily, at: tuple[str, int]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    sock.bind(at)
    return sock


class Port:
    """One of the client's ports, and the socket that stands for it towards the server."""

    def __init__(self, client: tuple[str, int], family: socket.AddressFamily, server: tuple[str, int]) -> None:
        self.client = client
        self._family, self._server = family, server
        self.socket = self._open()

    def _open(self) -> socket.socket:
        return open_socket(self._family, ("", 0))

    def renew(self) -> None:
        former = self.socket
        self.socket = self._open()  # while the other is open: never the same port
        former.close()

    def to_server(self, datagram: bytes) -> None:
        self.socket.sendto(datagram, self._server)


class Relay:
    def __init__(self, options: argparse.Namespace) -> None:
        family, at = parse_endpoint(options.listen)
        self._server_family, self._server = parse_endpoint(options.to)
        self._inner = open_socket(family, at)
        self._ports: dict[tuple[str, int], Port] = {}  # by the client's
        dice = random.Random(options.seed)
        self._up, self._down = Road(options, dice), Road(options, dice)
        self._move_wanted = False

    def want_move(self, *_: object) -> None:
        self._move_wanted = True

    def close_or_open(self, *_: object) -> None:
        for road in (self._up, self._down):
            road.carries_control = not road.carries_control
        print("open" if self._up.carries_control else "closed", "to control packets", flush=True)

    def run(self) -> None:
        print("relaying", flush=True)
        while True:
            by_socket = {port.socket: port for port in self._ports.values()}
            readable, _, _ = select.select([self._inner, *by_socket], [], [], REORDER_SECONDS / 2)
            if self._move_wanted:
                self._move()
                continue
            self._send_late()
            for sock in readable:
                self._from_client() if sock is self._inner else self._from_server(by_socket[sock])

    def _move(self) -> None:
        self._move_wanted = False
        for port in self._ports.values():
            port.renew()
        print("moved", *(port.socket.getsockname()[1] for port in self._ports.values()), flush=True)

    def _send_late(self) -> None:
        for datagram, port in self._up.due():
            port.to_server(datagram)
        for datagram, port in self._down.due():
            self._inner.sendto(datagram, port.client)

    def _from_client(self) -> None:
        datagram, client = self._inner.recvfrom(MAX_DATAGRAM)
        port = self._ports.get(client)
        if port is None:
            port = self._ports[client] = Port(client, self._server_family, self._server)
        for passed in self._up.passes(datagram, port):
            port.to_server(passed)

    def _from_server(self, port: Port) -> None:
        for passed in self._down.passes(port.socket.recv(MAX_DATAGRAM), port):
            self._inner.sendto(passed, port.client)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", required=True, metavar="ADDRESS:PORT")
    parser.add_argument("--to", required=True, metavar="ADDRESS:PORT")
    for fate in ("drop", "repeat", "reorder", "flip"):
        parser.add_argument(f"--{fate}", type=float, default=0.0, metavar="PROBABILITY")
    parser.add_argument("--seed", type=int, default=1)
    relay = Relay(parser.parse_args())
    signal.signal(signal.SIGUSR1, relay.want_move)
    signal.signal(signal.SIGUSR2, relay.close_or_open)
    relay.run()


if __name__ == "__main__":
    main()
