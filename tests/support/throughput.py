"""How fast TCP goes, by iperf3, and what it cost."""

from __future__ import annotations

import json
from dataclasses import dataclass

from .errors import CheckFailed, check
from .lab import Lab
from .netns import Namespace
from .processors import Processors


@dataclass(frozen=True)
class Measurement:
    gbit_per_second: float
    retransmits: int
    cpu_seconds_per_gigabyte: float  # of the whole machine: daemons, kernel and iperf3 itself
    stolen: float  # part of the processors' time that the hypervisor took away: above 0.02 the figure is doubtful


def tcp_stream(lab: Lab, source: Namespace, target: Namespace, address: str, seconds: int, *,
               congestion: str = "", streams: int = 1) -> Measurement:
    """A stream from `source` to `address`, which is `target`'s, or several; the first second does not count.

    `congestion` names the control to use instead of the system's; only the real root may choose freely.
    """
    server = lab.start_helper(target, "iperf3-server", ["iperf3", "-s", "-1", "--forceflush", "-B", address])
    try:
        server.wait_for("Server listening", 5)
        before = Processors.now()
        text = source.run("iperf3", "-c", address, "-t", str(seconds), "-O", "1", "-P", str(streams), "-J",
                          *(("-C", congestion) if congestion else ()), timeout=seconds + 30)
        spent = Processors.now().since(before)
    except RuntimeError as error:
        raise CheckFailed(f"iperf3: {error}") from None
    finally:
        server.kill()
        server.log.unlink(missing_ok=True)
    result = json.loads(text)["end"]
    check(result["sum_received"]["bytes"] > 0, "iperf3: the stream stands still")
    gigabytes = result["sum_received"]["bytes"] / 1e9 * (seconds + 1) / seconds  # -O leaves the first second out
    return Measurement(result["sum_received"]["bits_per_second"] / 1e9, result["sum_sent"]["retransmits"],
                       spent.busy_seconds / gigabytes, spent.stolen)
