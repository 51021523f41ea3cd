#!/usr/bin/env python3
"""A name server that says at which of its addresses it was asked.

    name_server.py ADDRESS[:PORT]…

Every name has one IPv4 address: the one at which the question came in. It knows neither EDNS nor DNSSEC. Prints "ready",
then a line `ADDRESS:PORT NAME` for each question.
"""

from __future__ import annotations

import selectors
import socket
import struct
import sys
from typing import NamedTuple

_HEADER = struct.Struct("!6H")  # id, flags, and how many questions, answers, authorities and further records
_RESPONSE, _TRUSTWORTHY, _RECURSION_WANTED, _RECURSION_OFFERED = 0x8000, 0x0400, 0x0100, 0x0080
_A, _IN, _NAME_OF_THE_QUESTION = 1, 1, 0xC00C


class Question(NamedTuple):
    number: int
    flags: int
    name: str
    kind: int
    text: bytes  # as it came, to be repeated


def parse_question(datagram: bytes) -> Question:
    number, flags, *_ = _HEADER.unpack_from(datagram)
    labels, at = [], _HEADER.size
    while size := datagram[at]:
        labels.append(datagram[at + 1:at + 1 + size].decode("ascii", "replace"))
        at += 1 + size
    end = at + 5
    kind = int.from_bytes(datagram[at + 1:at + 3], "big")
    return Question(number, flags, ".".join(labels).lower(), kind, datagram[_HEADER.size:end])


def answer(question: Question, address: str) -> bytes:
    """The address to a question for one, and to any other question that there is nothing."""
    flags = _RESPONSE | _TRUSTWORTHY | _RECURSION_OFFERED | question.flags & _RECURSION_WANTED
    record = b""
    if question.kind == _A:
        record = struct.pack("!3HIH", _NAME_OF_THE_QUESTION, _A, _IN, 60, 4) + socket.inet_aton(address)
    header = _HEADER.pack(question.number, flags, 1, bool(record), 0, 0)
    return header + question.text + record


def main() -> None:
    selector = selectors.DefaultSelector()
    for endpoint in sys.argv[1:]:
        address, _, port = endpoint.partition(":")
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((address, int(port or 53)))
        selector.register(udp, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            datagram, sender = key.fileobj.recvfrom(4096)
            question, (address, port) = parse_question(datagram), key.fileobj.getsockname()
            print(f"{address}:{port} {question.name}", flush=True)
            key.fileobj.sendto(answer(question, address), sender)


if __name__ == "__main__":
    main()
