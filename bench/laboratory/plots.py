"""Bar charts as SVG, written by hand: a plotting library would be the largest dependency of the project."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from .measures import SIZES
from .report import Run
from .samples import Spread

WIDTH, LEFT, RIGHT, TOP = 860, 230, 110, 64
BAR, GAP, GROUP_GAP = 16, 3, 16
COLOURS = {"bare": "#9aa0a6", "openvpn": "#d9822b", "openvpn-tcp": "#efb980", "wireguard-go": "#8c4a9e",
           "vpnd-stock": "#5a9bd4", "vpnd-batch": "#1f5fa8", "vpnd-batch-tcp": "#123a66"}
OTHER_COLOUR = "#5f7f5f"


@dataclass(frozen=True)
class Bar:
    label: str
    colour: str
    spread: Spread


@dataclass(frozen=True)
class Group:
    title: str
    bars: list[Bar]


def bar_chart(title: str, unit: str, groups: list[Group], *, logarithmic: bool = False) -> str:
    """Horizontal bars for medians, with a line from the least to the most."""
    values = [value for group in groups for bar in group.bars
              for value in (bar.spread.median, bar.spread.least, bar.spread.most)]
    scale = _Scale(values, logarithmic)
    height = TOP + sum(len(g.bars) * (BAR + GAP) + BAR + GROUP_GAP for g in groups) + 30
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
             f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
             _text(LEFT, 22, title, size=16, weight="bold"),
             _text(LEFT, 40, unit + (", logarithmic" if logarithmic else ""), fill="#555")]
    for tick in scale.ticks():
        x = scale.place(tick)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - 24}" stroke="#ddd"/>')
        parts.append(_text(x, height - 8, short(tick), anchor="middle", fill="#555"))
    y = float(TOP)
    for group in groups:
        parts.append(_text(LEFT, y + BAR - 4, group.title, weight="bold"))
        y += BAR + GAP
        for bar in group.bars:
            parts += _bar(bar, scale, y)
            y += BAR + GAP
        y += GROUP_GAP - GAP
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Scale:
    def __init__(self, values: list[float], logarithmic: bool) -> None:
        self._log = logarithmic
        self._most = max(values, default=1) or 1
        positive = [value for value in values if value > 0]
        self._least = 10 ** math.floor(math.log10(min(positive, default=1))) if logarithmic else 0.0

    def place(self, value: float) -> float:
        if self._log:
            width = math.log10(self._most / self._least) or 1
            part = math.log10(max(value, self._least) / self._least) / width
        else:
            part = value / self._most
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def ticks(self) -> Iterator[float]:
        if self._log:
            tick = self._least
            while tick <= self._most:
                yield tick
                tick *= 10
            return
        step = 10 ** math.floor(math.log10(self._most))
        step *= next(part for part in (0.1, 0.2, 0.5, 1) if self._most / (step * part) <= 10)
        for number in range(int(self._most / step + 1e-9) + 1):
            yield number * step


def _bar(bar: Bar, scale: _Scale, y: float) -> Iterator[str]:
    end, middle = scale.place(bar.spread.median), y + BAR / 2
    low, high = scale.place(bar.spread.least), scale.place(bar.spread.most)
    yield _text(LEFT - 8, y + BAR - 4, bar.label, anchor="end")
    yield (f'<rect x="{LEFT}" y="{y:.1f}" width="{max(end - LEFT, 1):.1f}" height="{BAR}" '
           f'fill="{bar.colour}"/>')
    yield f'<line x1="{low:.1f}" y1="{middle:.1f}" x2="{high:.1f}" y2="{middle:.1f}" stroke="black"/>'
    yield _text(max(end, high) + 6, y + BAR - 4, short(bar.spread.median))


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 12, weight: str = "normal",
          fill: str = "black") -> str:
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
            f'fill="{fill}">{escape(words)}</text>')


def short(value: float) -> str:
    """Three digits, and k for thousands."""
    if value >= 10000:
        return f"{value / 1000:.3g}k"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def plots(run: Run) -> dict[str, str]:
    """File names without their ending, and the charts that what was measured is enough for."""
    charts = {
        "bulk": ("One TCP stream", "Gbit/s", [(profile, "bulk.up.1", "gbit_per_second", profile)
                                              for profile in ("veth", "wire", "gigabit", "lossy")], False),
        "cpu": ("Cost of one TCP stream, whole machine", "CPU seconds per GB",
                [(profile, "bulk.up.1", "cpu_seconds_per_gigabyte", profile)
                 for profile in ("veth", "wire", "gigabit")], True),
        "packets": ("UDP packets with at most 0.1 % loss, as on a cable", "packets per second",
                    [("wire", f"packets.{size}.lossless", "packets_per_second",
                      f"{size} bytes" if size.isdigit() else "IMIX") for size in SIZES], False),
        "overload": ("18-byte UDP packets received under overload", "packets per second",
                     [(profile, "packets.18.overload", "packets_per_second", profile) for profile in ("veth", "wire")],
                     False),
        "latency": ("Round trip, as on a cable", "µs",
                    [("wire", f"latency.{load}", figure, f"{load}, {name}") for load in ("idle", "moderate", "loaded")
                     for figure, name in (("p50", "median"), ("p99", "99 %"), ("p99_9", "99.9 %"))], True),
        "http": ("Web pages through gateways on 1 Gbit/s Ethernet", "Gbit/s", [("http", "http", "gbit_per_second", "")],
                 False),
    }
    drawn = {}
    for name, (title, unit, wanted, logarithmic) in charts.items():
        groups = [Group(label, bars) for profile, measure, figure, label in wanted
                  if (bars := _bars(run, profile, measure, figure))]
        if groups:
            drawn[name] = bar_chart(title, unit, groups, logarithmic=logarithmic)
    return drawn


def _bars(run: Run, profile: str, measure: str, figure: str) -> list[Bar]:
    spreads = ((key, run.samples.spread(profile, key, measure, figure)) for key in run.contestants(profile))
    return [Bar(run.titles[key], COLOURS.get(key, OTHER_COLOUR), spread) for key, spread in spreads if spread]
