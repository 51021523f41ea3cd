"""What was measured, as it goes into the JSON file: a flat list of samples, and how they are compared."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

DOUBTFUL_STEAL = 0.02


@dataclass(frozen=True)
class Sample:
    profile: str
    contestant: str
    measure: str  # such as bulk.up.1, packets.18.lossless, latency.idle
    round: int  # from 1
    figures: dict[str, float]
    stolen: float  # part of the processors' time that the hypervisor took away meanwhile

    @property
    def doubtful(self) -> bool:
        return self.stolen > DOUBTFUL_STEAL


@dataclass(frozen=True)
class Spread:
    """The median of some rounds, and how far they lie apart."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        ordered = sorted(values)
        return cls(statistics.median(ordered), ordered[0], ordered[-1]) if ordered else None


@dataclass
class Samples:
    """All samples of one run."""

    all: list[Sample] = field(default_factory=list)

    def add(self, sample: Sample) -> None:
        self.all.append(sample)

    def profiles(self) -> list[str]:
        return list(dict.fromkeys(sample.profile for sample in self.all))

    def contestants(self, profile: str) -> list[str]:
        return list(dict.fromkeys(sample.contestant for sample in self.all if sample.profile == profile))

    def measures(self, profile: str) -> list[str]:
        return list(dict.fromkeys(sample.measure for sample in self.all if sample.profile == profile))

    def by_round(self, profile: str, contestant: str, measure: str, figure: str) -> dict[int, float]:
        return {sample.round: sample.figures[figure] for sample in self.all
                if (sample.profile, sample.contestant, sample.measure) == (profile, contestant, measure)
                and figure in sample.figures}

    def spread(self, profile: str, contestant: str, measure: str, figure: str) -> Spread | None:
        return Spread.of(self.by_round(profile, contestant, measure, figure).values())

    def ratio(self, profile: str, contestant: str, reference: str, measure: str, figure: str) -> Spread | None:
        """Round by round, since a shared machine is not equally fast from one round to the next."""
        own = self.by_round(profile, contestant, measure, figure)
        other = self.by_round(profile, reference, measure, figure)
        return Spread.of(own[number] / other[number] for number in own if other.get(number))

    def doubtful(self) -> list[Sample]:
        return [sample for sample in self.all if sample.doubtful]

    def to_json(self) -> list[dict[str, object]]:
        return [asdict(sample) for sample in self.all]

    @classmethod
    def from_json(cls, records: list[dict[str, object]]) -> Samples:
        return cls([Sample(**record) for record in records])
