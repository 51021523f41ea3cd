#!/usr/bin/env python3
"""bench/run from end to end, as short as it goes: every kind of measure, data, report and plots.

Says nothing about speed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.lab import missing_privilege

EXIT_SKIPPED = 77
programs: argparse.Namespace


def bench(out: str, *words: str) -> dict[str, object]:
    """Runs it for one round of one second, and returns its data."""
    done = subprocess.run([ROOT / "bench" / "run", "--no-build", "--vpnd", programs.vpnd, "--traffic", programs.traffic,
                           "--rounds", "1", "--seconds", "1", "--out", out, *words],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise AssertionError(f"bench/run ended with {done.returncode}:\n{done.stdout}")
    return json.loads(Path(out, "results.json").read_text())


class Smoke(unittest.TestCase):
    def setUp(self) -> None:
        self.out = self.enterContext(tempfile.TemporaryDirectory())

    def check_samples(self, data: dict[str, object], expected: set[tuple[str, str, str]], figure: str) -> None:
        """Exactly these were measured, and each has a figure above zero."""
        seen = {(s["profile"], s["contestant"], s["measure"]): s["figures"] for s in data["samples"]
                if figure in s["figures"]}
        self.assertEqual(set(seen), expected)
        for key, figures in seen.items():
            self.assertGreater(figures[figure], 0, key)

    def test_contestants_one_stream_and_web_pages(self) -> None:
        contestants = ["bare", "openvpn", "vpnd-stock", "vpnd-batch"]
        profiles = {"veth": "bulk.up.1", "lossy": "bulk.up.1"}
        if shutil.which("ab"):
            profiles["http"] = "http"
        if not shutil.which("nft"):
            del profiles["lossy"]
        data = bench(self.out, "--quick", "--profiles", *profiles, "--contestants", *contestants, "--measures", "bulk",
                     "http", "--http-requests", "16", "--http-bytes", "100000")
        if data["titles"]["vpnd-batch"] in data["absent"]:
            contestants.remove("vpnd-batch")
        self.check_samples(data, {(profile, contestant, measure) for profile, measure in profiles.items()
                                  for contestant in contestants}, "gbit_per_second")
        text = Path(self.out, "results.md").read_text()
        for words in ("| bare link", "| openvpn", "| vpnd, OpenVPN's format", "vpnd in OpenVPN's format ÷ openvpn"):
            self.assertIn(words, text)
        ElementTree.parse(Path(self.out, "bulk.svg"))

    def test_packets_and_round_trips(self) -> None:
        data = bench(self.out, "--profiles", "veth", "--contestants", "vpnd-stock", "--measures", "packets", "latency",
                     "--sizes", "18", "imix")
        for size in ("18", "imix"):
            self.assertIn(f"packets.{size}.lossless", {sample["measure"] for sample in data["samples"]})
        # Where the machine is busy every rate may lose packets; under overload some always arrive.
        data["samples"] = [sample for sample in data["samples"] if not sample["measure"].endswith("lossless")]
        self.check_samples(data, {("veth", "vpnd-stock", f"packets.{size}.overload") for size in ("18", "imix")},
                           "packets_per_second")
        self.check_samples(data, {("veth", "vpnd-stock", f"latency.{load}") for load in ("idle", "moderate", "loaded")},
                           "p99_9")
        before = Path(self.out, "results.md").read_text()
        subprocess.run([ROOT / "bench" / "run", "--render", Path(self.out, "results.json"), "--out", self.out],
                       check=True)
        self.assertEqual(Path(self.out, "results.md").read_text(), before)


def main() -> None:
    global programs
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vpnd", required=True, metavar="PATH")
    parser.add_argument("--traffic", required=True, metavar="PATH")
    programs, rest = parser.parse_known_args()
    if (reason := missing_privilege()) is not None:
        print(f"skipped: {reason}")
        sys.exit(EXIT_SKIPPED)
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
