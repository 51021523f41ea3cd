"""Reads bench/targets.toml and compares it with what was measured."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from .samples import Samples, Spread

FILE = Path(__file__).resolve().parents[1] / "targets.toml"


@dataclass(frozen=True)
class Target:
    claim: str
    measure: str
    figure: str
    contestant: str
    reference: str
    profile: str
    bound: float
    more_is_better: bool

    def measured(self, samples: Samples) -> Spread | None:
        return samples.ratio(self.profile, self.contestant, self.reference, self.measure, self.figure)

    def met(self, measured: Spread) -> bool:
        return measured.median >= self.bound if self.more_is_better else measured.median <= self.bound


def read_targets(file: Path = FILE) -> list[Target]:
    """One Target for each profile of each entry."""
    targets = []
    for entry in tomllib.loads(file.read_text())["target"]:
        bounds = [(kind, profile, bound) for kind in ("at_least", "at_most")
                  for profile, bound in entry.pop(kind, {}).items()]
        targets += [Target(**entry, profile=profile, bound=float(bound), more_is_better=kind == "at_least")
                    for kind, profile, bound in bounds]
    return targets
