#!/usr/bin/env python3
"""Name servers that a server pushes, set and taken back by what a host really has for them: systemd-resolved, Debian's
resolvconf, openresolv.

    ┌─ server ──────────────┐                 ┌─ client ─────────────────────────────┐
    │ name server 192.0.1.1 ┼─── wan ─────────┼ systemd-resolved or resolvconf, with │
    │ name server 10.8.0.1  ┼─── tun0 ────────┼ 192.0.1.1 before there is a tunnel   │
    └───────────────────────┘                 └──────────────────────────────────────┘

The answer to every question is the address at which it was asked. None of the three has to be installed: see
support/packages.py. Each case is a function; its name is the sentence it proves.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import resolvconf_cases
import resolved_cases
from star import Star
from support.errors import CheckFailed
from support.lab import Lab, main_guard, missing_privilege, missing_users
from support.pki import Pki
from support.programs import Program, find_program
from support.runner import SECOND_TRIES, Case, CaseFailed, run_cases

EXIT_SKIPPED = 77
AT_A_TIME = 4


def play(body: Callable[[Star], None], pki: Pki, program: Program) -> str:
    with Lab("name-servers") as lab:
        try:
            body(Star(lab, pki, program, program))
        except (CheckFailed, RuntimeError, OSError) as error:
            raise CaseFailed(str(error), lab.tails()) from error
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vpnd", default="vpnd", metavar="PATH", help="the vpnd to test")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name holds this")
    options = parser.parse_args()
    # systemd-resolved runs as a user of its own, and names are looked up by one without rights.
    if (reason := missing_privilege() or missing_users()) is not None:
        print(f"name servers skipped: {reason}")
        return EXIT_SKIPPED
    program = find_program("vpnd", options.vpnd)
    if program is None:
        raise SystemExit(f"{options.vpnd} is not built")
    with tempfile.TemporaryDirectory(prefix="vpnd-pki-") as directory:
        pki = Pki(Path(directory))
        totals = run_cases([Case(body.__name__.replace("_", " "), lambda body=body: play(body, pki, program))
                            for body in [*resolved_cases.case, *resolvconf_cases.case] if options.only in body.__name__],
                           AT_A_TIME, SECOND_TRIES)
    if totals.failed or not totals.passed + totals.skipped:
        return 1
    return 0 if totals.passed else EXIT_SKIPPED


if __name__ == "__main__":
    main_guard(main)
