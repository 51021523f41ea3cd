"""What the processors of the machine did between two moments, all of them together."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Processors:
    """The counters of /proc/stat, in ticks."""

    total: int
    idle: int
    stolen_ticks: int

    @classmethod
    def now(cls) -> Processors:
        # user nice system idle iowait irq softirq steal; guest times are contained in user and nice.
        ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return cls(sum(ticks), ticks[3] + ticks[4], ticks[7])

    def since(self, earlier: Processors) -> Processors:
        return Processors(self.total - earlier.total, self.idle - earlier.idle,
                          self.stolen_ticks - earlier.stolen_ticks)

    @property
    def busy_seconds(self) -> float:
        return (self.total - self.idle - self.stolen_ticks) / _TICKS_PER_SECOND

    @property
    def busy(self) -> float:
        """The part of the time in which they worked."""
        return (self.total - self.idle - self.stolen_ticks) / max(self.total, 1)

    @property
    def stolen(self) -> float:
        """The part of the time that the hypervisor took away: above 0.02 a measurement is doubtful."""
        return self.stolen_ticks / max(self.total, 1)
