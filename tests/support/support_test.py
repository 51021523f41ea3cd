#!/usr/bin/env python3
"""Tests of those parts of the test library that need no root."""

import argparse
import contextlib
import io
import random
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.lab import Lab
from support.name_server import answer, parse_question
from support.pki import static_key
from support.relay import REORDER_SECONDS, Port, Road, parse_endpoint
from support.runner import Case, CaseFailed, Skipped, run_cases
from support.sanitizer import sanitizer_report
from support.status import connected_clients
from support.traffic import lost_pings

STATUS = """\
TITLE,OpenVPN 2.6.14
TIME,2026-11-23 08:51:29,1795423889
HEADER,CLIENT_LIST,Common Name,Real Address,Virtual Address,Virtual IPv6 Address,Data Channel Cipher
CLIENT_LIST,alice,192.0.1.2:40401,10.8.0.2,fd00:8::1000,AES-256-GCM
CLIENT_LIST,UNDEF,192.0.1.3:40402,,,
END
"""


def road(**fates: float) -> Road:
    options = dict(drop=0.0, repeat=0.0, reorder=0.0, flip=0.0) | fates
    return Road(argparse.Namespace(**options), random.Random(1))


class Status(unittest.TestCase):
    def test_clients_without_a_tunnel_address_are_not_connected_yet(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, "status")
            file.write_text(STATUS)
            self.assertEqual([client.common_name for client in connected_clients(file)], ["alice"])
            self.assertEqual(connected_clients(file)[0].real_address, "192.0.1.2:40401")

    def test_no_file_means_no_client(self) -> None:
        self.assertEqual(connected_clients(Path("/nonexistent")), [])


class Relay(unittest.TestCase):
    def setUp(self) -> None:
        self.port = Port(("127.0.0.1", 1), socket.AF_INET, ("127.0.0.1", 2))
        self.addCleanup(self.port.socket.close)

    def test_a_good_road_changes_nothing(self) -> None:
        self.assertEqual(road().passes(b"datagram", self.port), [b"datagram"])

    def test_each_fate_does_what_its_name_says(self) -> None:
        self.assertEqual(road(drop=1.0).passes(b"datagram", self.port), [])
        self.assertEqual(road(repeat=1.0).passes(b"datagram", self.port), [b"datagram", b"datagram"])
        flipped = road(flip=1.0).passes(b"\0\0\0\0", self.port)[0]
        self.assertEqual(sum(byte.bit_count() for byte in flipped), 1)

    def test_a_road_closed_to_control_packets_carries_data(self) -> None:
        closed = road()
        closed.carries_control = False
        control, data_v1, data_v2 = (bytes([opcode << 3]) for opcode in (4, 6, 9))
        self.assertEqual([closed.passes(packet, self.port) for packet in (control, data_v1, data_v2)],
                         [[], [data_v1], [data_v2]])

    def test_a_reordered_datagram_comes_out_later(self) -> None:
        slow = road(reorder=1.0)
        self.assertEqual(slow.passes(b"datagram", self.port), [])
        self.assertEqual(slow.due(), [])
        time.sleep(REORDER_SECONDS)
        self.assertEqual(slow.due(), [(b"datagram", self.port)])
        self.assertEqual(slow.due(), [])

    def test_a_moved_port_is_another_one(self) -> None:
        before = self.port.socket.getsockname()
        self.port.renew()
        self.assertNotEqual(self.port.socket.getsockname(), before)

    def test_endpoints_of_both_families(self) -> None:
        self.assertEqual(parse_endpoint("[fd00::1]:1194")[1], ("fd00::1", 1194))
        self.assertEqual(parse_endpoint("192.0.2.1:1194")[1], ("192.0.2.1", 1194))


class Runner(unittest.TestCase):
    def test_each_verdict_is_counted(self) -> None:
        def raises(error: Exception) -> str:
            raise error

        cases = [Case("good", lambda: ""), Case("bad", lambda: raises(CaseFailed("why", "logs"))),
                 Case("broken", lambda: raises(ValueError())), Case("absent", lambda: raises(Skipped("why")))]
        with contextlib.redirect_stdout(io.StringIO()) as report:
            totals = run_cases(cases, jobs=2)
        self.assertIn("1 passed, 2 failed, 1 skipped", report.getvalue())
        self.assertEqual((totals.passed, totals.failed, totals.skipped), (1, 2, 1))


    def test_a_few_failed_cases_are_tried_once_more(self) -> None:
        tries = {"unlucky": 0, "bad": 0}

        def body(name: str, good_at: int) -> str:
            tries[name] += 1
            if tries[name] < good_at:
                raise CaseFailed("why", "logs")
            return ""

        cases = [Case("unlucky", lambda: body("unlucky", 2)), Case("bad", lambda: body("bad", 99))]
        with contextlib.redirect_stdout(io.StringIO()) as report:
            totals = run_cases(cases, jobs=2, second_tries=2)
        self.assertEqual((totals.passed, totals.failed, totals.skipped), (1, 1, 0))
        self.assertEqual(tries, {"unlucky": 2, "bad": 2})
        self.assertEqual(report.getvalue().count("FAIL"), 3, "what was wrong the first time stays in the output")

    def test_many_failed_cases_are_no_accident(self) -> None:
        def fails() -> str:
            raise CaseFailed("why", "logs")

        with contextlib.redirect_stdout(io.StringIO()) as report:
            totals = run_cases([Case(str(n), fails) for n in range(3)], jobs=1, second_tries=2)
        self.assertEqual(totals.failed, 3)
        self.assertNotIn("once more", report.getvalue())


class LostPings(unittest.TestCase):
    @staticmethod
    def report(sent: int, *answered: int) -> str:
        lines = [f"64 bytes from 10.8.0.1: icmp_seq={number} ttl=64 time=1.0 ms" for number in answered]
        return "\n".join([*lines, f"{sent} packets transmitted, {len(answered)} received, 0% packet loss"])

    def test_a_gap_is_a_loss_wherever_the_answers_end(self) -> None:
        self.assertEqual(lost_pings(self.report(5, 1, 2, 3, 4, 5)), (5, 0))
        self.assertEqual(lost_pings(self.report(5, 1, 3, 2, 5)), (5, 1))

    def test_the_last_ones_may_be_under_way_but_not_for_a_second(self) -> None:
        self.assertEqual(lost_pings(self.report(5, 1, 2, 3)), (5, 0))
        self.assertEqual(lost_pings(self.report(40, 1, 2, 3)), (40, 37))
        self.assertEqual(lost_pings(self.report(40)), (40, 40))

    def test_a_duplicate_answer_makes_up_for_no_loss(self) -> None:
        self.assertEqual(lost_pings(self.report(3, 1, 1, 3)), (3, 1))


SANITIZER_REPORTS = (
    "==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010",
    "==7==ERROR: LeakSanitizer: detected memory leaks",
    "==7==LeakSanitizer has encountered a fatal error.",
    "/vpnd/proto/push.cpp:12:3: runtime error: signed integer overflow",
    "WARNING: ThreadSanitizer: data race (pid=7)",
)


class Sanitizers(unittest.TestCase):
    def test_the_report_of_each_is_found_amid_a_log(self) -> None:
        for report in SANITIZER_REPORTS:
            self.assertEqual(sanitizer_report(f"before\n{report}\nafter\n"), f"{report}\nafter", report)

    def test_a_log_without_one_has_none(self) -> None:
        self.assertIsNone(sanitizer_report("vpnd 0.1.0\nERROR: cannot resolve host\n== end ==\n"))

    def test_a_lab_fails_on_a_report_though_its_case_went_well(self) -> None:
        with self.assertRaisesRegex(CaseFailed, "sanitizer"), Lab("support", keep_logs_on_failure=False) as lab:
            lab.write("server.log", SANITIZER_REPORTS[0])


class Keys(unittest.TestCase):
    def test_a_static_key_has_2048_bits_and_is_never_the_same(self) -> None:
        digits = "".join(static_key().splitlines()[1:-1])
        self.assertEqual(len(bytes.fromhex(digits)), 256)
        self.assertNotEqual(static_key(), static_key())


class NameServerTest(unittest.TestCase):
    HEADER = bytes.fromhex("1234 0100 0001 0000 0000 0000")  # recursion is wanted
    NAME = b"\x01a\x07Example\0"

    def test_answers_with_its_address(self) -> None:
        question = self.NAME + bytes.fromhex("0001 0001")
        parsed = parse_question(self.HEADER + question)
        self.assertEqual(parsed.name, "a.example")
        expected = bytes.fromhex("1234 8580 0001 0001 0000 0000") + question
        self.assertEqual(answer(parsed, "10.8.0.1"), expected + bytes.fromhex("c00c 0001 0001 0000003c 0004 0a080001"))

    def test_knows_of_nothing_else(self) -> None:
        question = self.NAME + bytes.fromhex("001c 0001")
        reply = answer(parse_question(self.HEADER + question), "10.8.0.1")
        self.assertEqual(reply, bytes.fromhex("1234 8580 0001 0000 0000 0000") + question)


if __name__ == "__main__":
    unittest.main()
