"""The Markdown report of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .contestants import BARE, OPENVPN
from .measures import SIZES
from .profiles import PROFILES
from .samples import DOUBTFUL_STEAL, Samples, Spread
from .targets import Target

ABSENT = "–"
DOUBT = "†"


@dataclass(frozen=True)
class Column:
    title: str
    measure: str
    figure: str
    format: Callable[[float], str]
    reference: str = ""  # the column holds ratios to this contestant


def gbit(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def seconds(value: float) -> str:
    return f"{value:.2f}"


def thousands(value: float) -> str:
    return f"{value:,.0f}"


def ratio(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def microseconds(value: float) -> str:
    return f"{value:,.0f}"


def _ratios(measure: str, figure: str) -> list[Column]:
    return [Column("÷ openvpn", measure, figure, ratio, OPENVPN), Column("÷ bare", measure, figure, ratio, BARE)]


def _bulk() -> list[Column]:
    rate, cost = "gbit_per_second", "cpu_seconds_per_gigabyte"
    return [Column("1 stream up", "bulk.up.1", rate, gbit), *_ratios("bulk.up.1", rate),
            Column("1 down", "bulk.down.1", rate, gbit), Column("8 up", "bulk.up.8", rate, gbit),
            Column("8 down", "bulk.down.8", rate, gbit), Column("CPU s/GB up", "bulk.up.1", cost, seconds),
            Column("CPU s/GB down", "bulk.down.1", cost, seconds)]


def _packets(kind: str) -> list[Column]:
    figure = "packets_per_second"
    small = f"packets.{SIZES[0]}.{kind}"
    sizes = [Column(f"{size} B" if size.isdigit() else "IMIX", f"packets.{size}.{kind}", figure, thousands)
             for size in SIZES]
    return [sizes[0], *_ratios(small, figure), *sizes[1:],
            Column("CPU s/million (18 B)", small, "cpu_seconds_per_million", seconds),
            Column("CPU s/million (IMIX)", f"packets.imix.{kind}", "cpu_seconds_per_million", seconds)]


def _latency() -> list[Column]:
    names = (("p50", "p50"), ("p99", "p99"), ("p99.9", "p99_9"))
    loads = (("idle", "latency.idle"), ("beside 200 Mbit/s", "latency.moderate"), ("loaded", "latency.loaded"))
    return [*(Column(f"{load} {name}", measure, figure, microseconds) for load, measure in loads
              for name, figure in names),
            *(Column(f"{load} p99 ÷ openvpn", measure, "p99", ratio, OPENVPN) for load, measure in loads[1:])]


def _http() -> list[Column]:
    return [Column("Gbit/s", "http", "gbit_per_second", gbit), *_ratios("http", "gbit_per_second"),
            Column("CPU s/GB", "http", "cpu_seconds_per_gigabyte", seconds)]


SECTIONS: tuple[tuple[str, list[Column]], ...] = (
    ("Bulk TCP, Gbit/s", _bulk()),
    ("UDP packets per second with at most 0.1 % loss", _packets("lossless")),
    ("UDP packets per second received under overload", _packets("overload")),
    ("Round trip, µs", _latency()),
    ("HTTP through gateways", _http()),
)


@dataclass(frozen=True)
class Run:
    """All that the JSON file holds."""

    samples: Samples
    titles: dict[str, str]  # of contestants
    machine: dict[str, str]
    versions: dict[str, str]
    commit: str
    command: str
    started: str
    busy_before: float
    rounds: int
    absent: dict[str, str]  # contestants that could not take part, and why
    failures: list[str]  # measurements that came to nothing

    def contestants(self, profile: str) -> list[str]:
        """Those measured in this profile, always in the same order."""
        measured = self.samples.contestants(profile)
        return [key for key in self.titles if key in measured]


def report(run: Run, targets: list[Target], plots: Iterable[str] = ()) -> str:
    parts = ["# Measured performance", _preamble(run), *(f"![{name}]({name}.svg)" for name in plots),
             "## Targets", target_table(run.samples, targets)]
    for profile in run.samples.profiles():
        parts.append(f"## {profile}: {PROFILES[profile].title}")
        for title, columns in SECTIONS:
            if (text := section(run, profile, columns)) is not None:
                parts += [f"### {title}", text]
    return "\n\n".join(parts + [_notes(run)]) + "\n"


def section(run: Run, profile: str, columns: list[Column]) -> str | None:
    """A table of those columns that were measured, or None if there are none."""
    measured = set(run.samples.measures(profile))
    columns = [column for column in columns if column.measure in measured]
    if not columns:
        return None
    rows = []
    for contestant in run.contestants(profile):
        cells = [_cell(run, profile, contestant, column) for column in columns]
        if any(cell != ABSENT for cell in cells):
            rows.append([_title(run, profile, contestant, {column.measure for column in columns}), *cells])
    return table(["", *(column.title for column in columns)], rows)


def _cell(run: Run, profile: str, contestant: str, column: Column) -> str:
    if column.reference:
        found = run.samples.ratio(profile, contestant, column.reference, column.measure, column.figure)
    else:
        found = run.samples.spread(profile, contestant, column.measure, column.figure)
    return spread(found, column.format)


def spread(found: Spread | None, form: Callable[[float], str]) -> str:
    """The median, and in brackets from where to where."""
    if found is None:
        return ABSENT
    median, least, most = form(found.median), form(found.least), form(found.most)
    return median if least == most else f"{median} ({least}–{most})"


def _title(run: Run, profile: str, contestant: str, measures: set[str]) -> str:
    doubtful = any(sample.doubtful for sample in run.samples.all
                   if (sample.profile, sample.contestant) == (profile, contestant) and sample.measure in measures)
    return run.titles[contestant] + (f" {DOUBT}" if doubtful else "")


def target_table(samples: Samples, targets: list[Target]) -> str:
    rows = []
    for target in targets:
        if (measured := target.measured(samples)) is None:
            continue
        sign = "≥" if target.more_is_better else "≤"
        rows.append([target.claim, target.profile, f"{sign} {target.bound:g}", spread(measured, ratio),
                     "met" if target.met(measured) else "**not met**"])
    head = table(["", "profile", "target", "measured", ""], rows)
    left_out = len(targets) - len(rows)
    return f"{head}\n\n{left_out} more targets were not measured in this run." if left_out else head


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:" for _ in head[1:]]], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _preamble(run: Run) -> str:
    facts = {**run.machine, "commit": run.commit, "started": run.started, "command": f"`{run.command}`",
             "busy before the start": f"{run.busy_before:.0%}",
             **{f"version of {name}": text for name, text in run.versions.items()}}
    lines = "\n".join(f"- {name}: {text}" for name, text in facts.items())
    return (f"Medians of {run.rounds} alternating rounds, in brackets the least and the most. Ratios are taken round "
            f"by round. Only figures of one run may be compared; [README.md](README.md) says why, and what is "
            f"measured.\n\n{lines}")


def _notes(run: Run) -> str:
    lines = ["## Notes", ""]
    doubtful = run.samples.doubtful()
    if doubtful:
        lines.append(f"- {DOUBT} Doubtful: in these the hypervisor took away more than {DOUBTFUL_STEAL:.0%} of the "
                     f"processors' time ({len(doubtful)} of {len(run.samples.all)} measurements):")
        lines += [f"    - {s.profile}, {s.contestant}, {s.measure}, round {s.round}: {s.stolen:.1%}" for s in doubtful]
    else:
        lines.append(f"- In no measurement did the hypervisor take away more than {DOUBTFUL_STEAL:.0%} of the "
                     "processors' time.")
    lines += [f"- Failed: {failure}" for failure in run.failures]
    lines += [f"- {title} did not take part: {why}." for title, why in run.absent.items()]
    return "\n".join(lines)
