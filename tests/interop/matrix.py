#!/usr/bin/env python3
"""The interop matrix: vpnd and OpenVPN in either role, over pairwise combinations of everything they negotiate.

    matrix.py --vpnd build/release/vpnd/vpnd             the part that continuous integration runs
    matrix.py --vpnd build/release/vpnd/vpnd --all       every combination
    matrix.py --roles openvpn:openvpn                    the harness tested with itself
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pairwise import pairwise
from peers import Combination, dimensions_for
from scenario import Options, play
from support.lab import main_guard, missing_privilege
from support.pki import NEW_KEY, Pki
from support.programs import Program, find_program
from support.runner import SECOND_TRIES, Case, run_cases

EXIT_SKIPPED = 77  # what ctest is told to read as "skipped"
ROLES = ("vpnd:openvpn", "openvpn:vpnd", "vpnd:vpnd")
CASES_PER_ROLE = 12  # without --all
MOST_LOSSY_CASES = 4
SEVERAL_WORKERS = "3"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vpnd", default="vpnd", metavar="PATH", help="the vpnd to test")
    parser.add_argument("--workers", default="", metavar="N",
                        help="vpnd's option of that name (in every third case 3, else as it is by itself)")
    parser.add_argument("--roles", nargs="+", default=ROLES, metavar="SERVER:CLIENT", help="programs for the two roles")
    parser.add_argument("--all", action="store_true", help="every combination instead of the first few")
    parser.add_argument("--cases", type=int, default=CASES_PER_ROLE, metavar="N", help="combinations per pair of roles")
    parser.add_argument("--only", default="", metavar="WORDS", help="combinations whose name holds all these words")
    parser.add_argument("--jobs", type=int, default=5, metavar="N", help="cases at a time; they mostly wait")
    parser.add_argument("--list", action="store_true", help="print the cases and end")
    return parser.parse_args()


def combinations_of(options: argparse.Namespace) -> list[tuple[Combination, Options]]:
    chosen = []
    for roles in options.roles:
        few = ends_of(roles, options, options.workers)
        many = ends_of(roles, options, options.workers or SEVERAL_WORKERS)
        rows = [Combination(row, *(many if number % 3 == 1 else few))
                for number, row in enumerate(pairwise(dimensions_for(*few)))]
        # Without a wrapping nothing protects the handshake from flipped bits, so such a row cannot be lossy.
        lossy = [row for row in rows if row.udp and row.settings["wrap"] != "none"]
        lossy = lossy[:MOST_LOSSY_CASES if options.all else 1]
        rows = rows if options.all or options.only else rows[:options.cases]
        # Every other link segments and sums like a cable: large sends must come through cut and uncut.
        chosen += [(row, Options(wire=number % 2 == 1)) for number, row in enumerate(rows)]
        chosen += [(row, Options(lossy=True)) for row in lossy]
    words = options.only.split()
    return [(row, how) for row, how in chosen if all(word in title(row, how).split() for word in words)]


def ends_of(roles: str, options: argparse.Namespace, workers: str) -> tuple[Program, Program]:
    server, client = (find_program(name, options.vpnd, workers) for name in roles.split(":"))
    if server is None or client is None:
        raise SystemExit(f"{roles}: a program is not installed (vpnd is looked for at {options.vpnd})")
    return server, client


def title(combination: Combination, how: Options) -> str:
    workers = next((end.workers for end in (combination.server, combination.client) if end.is_vpnd), "")
    return (combination.name + (" lossy" if how.lossy else " wire" if how.wire else "")
            + (f" {workers} workers" if workers else ""))


def main() -> int:
    options = arguments()
    chosen = combinations_of(options)
    if options.list:
        for row, how in chosen:
            print(title(row, how))
        return 0
    if (reason := missing_privilege()) is not None:
        print(f"interop matrix skipped: {reason}")
        return EXIT_SKIPPED
    with tempfile.TemporaryDirectory(prefix="vpnd-pki-") as directory:
        pkis = {algorithm: Pki(Path(directory, algorithm), algorithm) for algorithm in NEW_KEY}
        for pki in pkis.values():
            pki.make_tls_crypt_v2_keys()
        cases = [Case(title(row, how), lambda row=row, how=how: play(row, pkis[row.key_algorithm], how))
                 for row, how in chosen]
        totals = run_cases(cases, options.jobs, SECOND_TRIES)
    return 1 if totals.failed or not totals.passed else 0


if __name__ == "__main__":
    main_guard(main)
