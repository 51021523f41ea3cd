#!/usr/bin/env python3
"""A UDP relay that stands between one client and its server and makes the road worse.

    relay.py --listen 127.0.0.1:1195 --to 192.0.1.1:1194 --drop 0.05 --repeat 0.02 --reorder 0.05 --flip 0.01

Towards the server it sends from a socket of its own. On SIGUSR1 it goes on with a fresh one, as a NAT that forgot its
mapping: the server sees the client come from another port. On SIGUSR2 it begins or ceases to swallow OpenVPN's control
packets, so that a handshake fails while data go through. Prints "relaying" when it is ready, "moved PORT", "closed to
control packets" and "open to control packets" after that.
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
DATA_OPCODES = (6, 9)  # P_DATA_V1, P_DATA_V2: the upper five bits of the first byte


class Road:
    """One direction: decides the fate of each datagram."""

    def __init__(self, options: argparse.Namespace, dice: random.Random) -> None:
        self._options = options
        self._dice = dice
        self.carries_control = True
        self.late: list[tuple[float, bytes]] = []

    def passes(self, datagram: bytes) -> list[bytes]:
        """What comes out at once; reordered datagrams wait in `late`."""
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
            self.late.append((time.monotonic() + REORDER_SECONDS, datagram))
            return []
        return [datagram, datagram] if roll() < options.repeat else [datagram]

    def due(self) -> list[bytes]:
        now = time.monotonic()
        ready = [datagram for due, datagram in self.late if due <= now]
        self.late = [entry for entry in self.late if entry[0] > now]
        return ready


def parse_endpoint(text: str) -> tuple[socket.AddressFamily, tuple[str, int]]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    return (socket.AF_INET6 if ":" in host else socket.AF_INET), (host, int(port))


def open_socket(family: socket.AddressFamily) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind(("", 0))
    return sock


def relay(options: argparse.Namespace) -> None:
    listen_family, listen_at = parse_endpoint(options.listen)
    server_family, server = parse_endpoint(options.to)
    inner = socket.socket(listen_family, socket.SOCK_DGRAM)
    inner.bind(listen_at)
    outer = open_socket(server_family)
    dice = random.Random(options.seed)
    to_server, to_client = Road(options, dice), Road(options, dice)
    client: tuple[str, int] | None = None
    move_wanted = False

    def want_move(*_: object) -> None:
        nonlocal move_wanted
        move_wanted = True

    def close_or_open(*_: object) -> None:
        for road in (to_server, to_client):
            road.carries_control = not road.carries_control
        print("open" if to_server.carries_control else "closed", "to control packets", flush=True)

    signal.signal(signal.SIGUSR1, want_move)
    signal.signal(signal.SIGUSR2, close_or_open)
    print("relaying", flush=True)
    while True:
        readable, _, _ = select.select([inner, outer], [], [], REORDER_SECONDS / 2)
        if move_wanted:
            outer.close()
            outer = open_socket(server_family)
            print("moved", outer.getsockname()[1], flush=True)
            move_wanted = False
            continue
        up, down = to_server.due(), to_client.due()
        if inner in readable:
            datagram, client = inner.recvfrom(MAX_DATAGRAM)
            up += to_server.passes(datagram)
        if outer in readable:
            down += to_client.passes(outer.recv(MAX_DATAGRAM))
        for datagram in up:
            outer.sendto(datagram, server)
        for datagram in down:
            if client is not None:
                inner.sendto(datagram, client)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", required=True, metavar="ADDRESS:PORT")
    parser.add_argument("--to", required=True, metavar="ADDRESS:PORT")
    for fate in ("drop", "repeat", "reorder", "flip"):
        parser.add_argument(f"--{fate}", type=float, default=0.0, metavar="PROBABILITY")
    parser.add_argument("--seed", type=int, default=1)
    relay(parser.parse_args())


if __name__ == "__main__":
    main()
