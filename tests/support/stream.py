#!/usr/bin/env python3
"""One TCP stream with a checksum. Run inside a namespace by traffic.py.

    stream.py receive ADDRESS PORT            prints "ready", then "BYTES SHA256"
    stream.py send ADDRESS PORT SIZE          sends SIZE random bytes at once
    stream.py pace ADDRESS PORT RATE          sends RATE bytes/s until its stdin closes
Both senders print "BYTES SHA256" too.
"""

from __future__ import annotations

import hashlib
import os
import select
import socket
import sys
import time

CHUNK = 1 << 16
PACE_SECONDS = 0.01
STALL_SECONDS = 30  # a stream that stands still for longer has lost its tunnel


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def report(size: int, digest: str) -> None:
    print(size, digest, flush=True)


def receive(address: str, port: int) -> None:
    digest, size = hashlib.sha256(), 0
    with socket.create_server((address, port), family=family(address)) as listener:
        print("ready", flush=True)
        listener.settimeout(STALL_SECONDS)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(STALL_SECONDS)
            while data := connection.recv(CHUNK):
                digest.update(data)
                size += len(data)
    report(size, digest.hexdigest())


def send(connection: socket.socket, size: int) -> None:
    digest = hashlib.sha256()
    left = size
    while left > 0:
        data = os.urandom(min(left, CHUNK))
        digest.update(data)
        connection.sendall(data)
        left -= len(data)
    report(size, digest.hexdigest())


def pace(connection: socket.socket, rate: int) -> None:
    digest, size = hashlib.sha256(), 0
    block = max(1, int(rate * PACE_SECONDS))
    while not select.select([sys.stdin], [], [], PACE_SECONDS)[0]:
        data = os.urandom(block)
        digest.update(data)
        connection.sendall(data)
        size += block
    report(size, digest.hexdigest())


def main() -> None:
    verb, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if verb == "receive":
        receive(address, port)
        return
    deadline = time.monotonic() + STALL_SECONDS
    with socket.create_connection((address, port), timeout=deadline - time.monotonic()) as connection:
        {"send": send, "pace": pace}[verb](connection, int(sys.argv[4]))


if __name__ == "__main__":
    main()
