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
from support.programs import find_program
from support.runner import Case, run_cases

EXIT_SKIPPED = 77  # what ctest is told to read as "skipped"
ROLES = ("vpnd:openvpn", "openvpn:vpnd", "vpnd:vpnd")
CASES_PER_ROLE = 12  # without --all
MOST_LOSSY_CASES = 4


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vpnd", default="vpnd", metavar="PATH", help="the vpnd to test")
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
        programs = [find_program(name, options.vpnd) for name in roles.split(":")]
        if None in programs:
            raise SystemExit(f"{roles}: a program is not installed (vpnd is looked for at {options.vpnd})")
        server, client = programs
        rows = [Combination(row, server, client) for row in pairwise(dimensions_for(server, client))]
        # Without a wrapping nothing protects the handshake from flipped bits, so such a row cannot be lossy.
        lossy = [row for row in rows if row.udp and row.settings["wrap"] != "none"]
        lossy = lossy[:MOST_LOSSY_CASES if options.all else 1]
        rows = rows if options.all or options.only else rows[:options.cases]
        # Every other link segments and sums like a cable: large sends must come through cut and uncut.
        chosen += [(row, Options(wire=number % 2 == 1)) for number, row in enumerate(rows)]
        chosen += [(row, Options(lossy=True)) for row in lossy]
    words = options.only.split()
    return [(row, how) for row, how in chosen if all(word in title(row, how).split() for word in words)]


def title(combination: Combination, how: Options) -> str:
    return combination.name + (" lossy" if how.lossy else " wire" if how.wire else "")


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
        totals = run_cases(cases, options.jobs)
    return 1 if totals.failed or not totals.passed else 0


if __name__ == "__main__":
    main_guard(main)
