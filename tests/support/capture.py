"""What a host sends over one of its devices, seen by a packet socket: outer UDP datagrams by their payload."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

from .lab import Lab
from .netns import Namespace, WIRE_FEATURES

_SNIFFER = """
import socket, sys
packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
packets.bind((sys.argv[1], 3))
packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
print("ready", flush=True)
packets.settimeout(0.2)
ended = False
while True:
    try:
        packet, (_, protocol, kind, _, _) = packets.recvfrom(65536)
    except TimeoutError:
        if ended: break
        ended = sys.stdin.read() == ""
        continue
    if kind == socket.PACKET_OUTGOING and protocol == 0x0800 and packet[9] == 17:
        payload = packet[(packet[0] & 15) * 4 + 8:]
        print("datagram", payload[0] >> 3, len(payload))
"""


@dataclass(frozen=True)
class Datagram:
    opcode: int
    size: int


class Capture:
    """From construction until finish(). The device cuts runs of datagrams itself, so that each is seen."""

    def __init__(self, lab: Lab, namespace: Namespace, device: str) -> None:
        namespace.run("ethtool", "-K", device, *WIRE_FEATURES)
        script = lab.write("sniffer.py", _SNIFFER)
        self._process = lab.start_helper(namespace, "capture", [sys.executable, str(script), device], keep_stdin=True)
        self._process.wait_for("^ready", 10)

    def finish(self) -> list[Datagram]:
        self._process.close_stdin()
        self._process.wait(30)
        return [Datagram(int(opcode), int(size))
                for opcode, size in re.findall(r"^datagram (\d+) (\d+)$", self._process.text(), re.MULTILINE)]
