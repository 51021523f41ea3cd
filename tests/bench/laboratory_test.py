#!/usr/bin/env python3
"""Tests of the laboratory's arithmetic: searching, comparing, reporting, drawing."""

import sys
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]

from laboratory.contestants import contestants
from laboratory.plots import Bar, Group, bar_chart, plots
from laboratory.profiles import PROFILES
from laboratory.report import Run, report, spread
from laboratory.samples import Sample, Samples, Spread
from laboratory.search import ALLOWED_LOSS, PRECISION, highest_rate
from laboratory.targets import Target, read_targets
from laboratory.traffic import Trial


def trial(sent_per_second: float, capacity: float) -> Trial:
    """A second through something that passes `capacity` packets a second and drops the rest."""
    sent = int(sent_per_second)
    received = min(sent, int(capacity))
    return Trial(sent, received, 1.0, received)


class Search(unittest.TestCase):
    def found(self, capacity: float, blast: float, guess: float | None = None) -> float:
        best = highest_rate(lambda rate: trial(rate, capacity), trial(blast, capacity), guess)
        assert best is not None
        return best.sent_per_second

    def test_it_comes_close_to_the_capacity_from_below(self) -> None:
        for capacity in (3_000, 50_000, 299_000):
            for guess in (None, capacity / 2, capacity * 1.5):
                rate = self.found(capacity, 300_000, guess)
                self.assertLessEqual(rate, capacity * (1 + 2 * ALLOWED_LOSS))
                self.assertGreater(rate, capacity / PRECISION ** 2, f"{capacity} from {guess}")

    def test_what_loses_nothing_at_full_speed_needs_no_search(self) -> None:
        self.assertEqual(self.found(capacity=500_000, blast=300_000), 300_000)

    def test_one_unlucky_trial_does_not_fail_a_rate(self) -> None:
        hiccups = iter([True] + [False] * 20)

        def run(rate: float) -> Trial:
            return trial(rate, rate / 2 if next(hiccups) else 100_000)

        best = highest_rate(run, trial(300_000, 100_000))
        self.assertGreater(best.sent_per_second, 89_000)

    def test_overload_that_leaves_little_is_searched_downwards(self) -> None:
        collapsed = Trial(300_000, 290_000, 1.0, 290_000)
        best = highest_rate(lambda rate: trial(rate, 40_000), collapsed, most_trials=20)
        self.assertGreater(best.sent_per_second, 30_000)

    def test_nothing_is_found_where_everything_loses(self) -> None:
        self.assertIsNone(highest_rate(lambda rate: trial(rate, rate / 2), trial(300_000, 10_000)))

    def test_a_sender_that_cannot_keep_up_ends_the_search(self) -> None:
        best = highest_rate(lambda _rate: trial(50_000, 100_000), trial(300_000, 200_000))
        self.assertEqual(best.sent_per_second, 50_000)


def sample(contestant: str, number: int, value: float, *, measure: str = "bulk.up.1", profile: str = "veth",
           figure: str = "gbit_per_second", stolen: float = 0.0) -> Sample:
    return Sample(profile, contestant, measure, number, {figure: value}, stolen)


class Comparing(unittest.TestCase):
    def test_ratios_are_taken_within_a_round(self) -> None:
        # In the second round the machine was half as fast for both.
        samples = Samples([sample("vpnd-batch", 1, 10), sample("openvpn", 1, 1),
                           sample("vpnd-batch", 2, 5), sample("openvpn", 2, 0.5),
                           sample("vpnd-batch", 3, 12), sample("openvpn", 3, 1)])
        self.assertEqual(samples.ratio("veth", "vpnd-batch", "openvpn", "bulk.up.1", "gbit_per_second"),
                         Spread(10, 10, 12))

    def test_what_was_not_measured_has_no_ratio(self) -> None:
        samples = Samples([sample("vpnd-batch", 1, 10), sample("openvpn", 1, 0)])
        self.assertIsNone(samples.ratio("veth", "vpnd-batch", "bare", "bulk.up.1", "gbit_per_second"))
        self.assertIsNone(samples.ratio("veth", "vpnd-batch", "openvpn", "bulk.up.1", "gbit_per_second"))

    def test_samples_survive_the_file(self) -> None:
        samples = Samples([sample("openvpn", 1, 0.5, stolen=0.03)])
        self.assertEqual(Samples.from_json(samples.to_json()), samples)

    def test_a_round_with_much_stolen_time_is_doubtful(self) -> None:
        samples = Samples([sample("openvpn", 1, 1, stolen=0.019), sample("openvpn", 2, 1, stolen=0.021)])
        self.assertEqual([one.round for one in samples.doubtful()], [2])


class Targets(unittest.TestCase):
    def test_every_target_names_things_that_exist(self) -> None:
        known = contestants("")
        for target in read_targets():
            with self.subTest(target.claim, profile=target.profile):
                self.assertIn(target.profile, PROFILES)
                self.assertIn(target.contestant, known)
                self.assertIn(target.reference, known)

    def test_met_depends_on_which_way_is_better(self) -> None:
        target = dict(claim="", measure="", figure="", contestant="", reference="", profile="", bound=1.0)
        for value, more, met in ((1.1, True, True), (0.9, True, False), (1.1, False, False), (1.0, False, True)):
            self.assertEqual(Target(**target, more_is_better=more).met(Spread(value, value, value)), met)


def run_of(*samples: Sample) -> Run:
    titles = {key: one.title for key, one in contestants("").items()}
    return Run(Samples(list(samples)), titles, {"kernel": "Linux"}, {"openvpn": "OpenVPN 2.6"}, "abc", "bench/run",
               "now", 0.0, 2, {"wireguard-go": "it is not there"}, ["http, openvpn: no answer"])


class Reporting(unittest.TestCase):
    def test_a_spread_is_shown_only_where_there_is_one(self) -> None:
        self.assertEqual(spread(Spread(2, 1, 3), "{:.0f}".format), "2 (1–3)")
        self.assertEqual(spread(Spread(2, 2, 2), "{:.0f}".format), "2")
        self.assertEqual(spread(None, str), "–")

    def test_it_holds_figures_ratios_verdicts_and_what_is_doubtful(self) -> None:
        run = run_of(sample("vpnd-batch", 1, 15), sample("openvpn", 1, 0.5, stolen=0.05), sample("bare", 1, 60))
        text = report(run, read_targets())
        self.assertIn("batch channel over UDP ÷ openvpn | veth | ≥ 20 | 30.0 | met |", text)
        self.assertIn("batch channel over UDP ÷ bare link | veth | ≥ 0.32 | 0.250 | **not met** |", text)
        self.assertIn("| openvpn † | 0.500 | 1.00 | 0.008 |", text)
        self.assertIn("wireguard-go did not take part: it is not there.", text)
        self.assertIn("Failed: http, openvpn: no answer", text)
        self.assertIn("veth, openvpn, bulk.up.1, round 1: 5.0%", text)

    def test_contestants_keep_their_order_whoever_was_first(self) -> None:
        text = report(run_of(sample("openvpn", 1, 1), sample("bare", 1, 2)), [])
        self.assertLess(text.index("| bare link |"), text.index("| openvpn |"))

    def test_profiles_that_were_not_measured_are_not_mentioned(self) -> None:
        self.assertNotIn("## wire", report(run_of(sample("openvpn", 1, 1)), []))


class Drawing(unittest.TestCase):
    def test_charts_are_well_formed_whatever_the_names(self) -> None:
        bars = [Bar("a < b & c", "#123", Spread(2, 1, 3)), Bar("nothing", "#456", Spread(0, 0, 0))]
        for logarithmic in (False, True):
            root = ElementTree.fromstring(bar_chart("<title>", "µs", [Group("g", bars)], logarithmic=logarithmic))
            words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
            self.assertIn("a < b & c", words)

    def test_the_length_of_a_bar_is_its_median(self) -> None:
        bars = [Bar("one", "#abc", Spread(1, 1, 1)), Bar("two", "#abc", Spread(2, 2, 2))]
        chart = bar_chart("", "", [Group("", bars)])
        widths = [float(element.get("width")) for element in ElementTree.fromstring(chart).iter()
                  if element.get("fill") == "#abc"]
        self.assertAlmostEqual(widths[1], 2 * widths[0], delta=0.2)

    def test_only_what_was_measured_is_drawn(self) -> None:
        self.assertEqual(set(plots(run_of(sample("openvpn", 1, 1)))), {"bulk"})


if __name__ == "__main__":
    unittest.main()
