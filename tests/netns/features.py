#!/usr/bin/env python3
"""Runs the cases of server_cases.py, client_cases.py, option_cases.py, hook_cases.py, site_cases.py, auth_cases.py,
management_cases.py and reload_cases.py.

    features.py --vpnd build/release/vpnd/vpnd                  vpnd against itself and against OpenVPN
    features.py --roles openvpn:openvpn                         the cases tested with OpenVPN on both sides
    features.py --roles openvpn:openvpn --only max_clients      those whose name holds this
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import auth_cases
import client_cases
import hook_cases
import management_cases
import option_cases
import reload_cases
import server_cases
import site_cases
from star import Star
from support.errors import CheckFailed
from support.lab import Lab, main_guard, missing_privilege
from support.pki import Pki
from support.programs import Program, find_program
from support.runner import SECOND_TRIES, Case, CaseFailed, run_cases

EXIT_SKIPPED = 77
# The server's features with a stock client, the client's with a stock server, and both with ourselves.
ROLES = {"server": ("vpnd:openvpn", "vpnd:vpnd"), "client": ("openvpn:vpnd", "vpnd:vpnd"),
         "either": ("vpnd:openvpn", "openvpn:vpnd"), "both": ("vpnd:vpnd",),
         "client hooks": ("openvpn:vpnd", "openvpn:openvpn"),
         "server hooks": ("vpnd:openvpn", "openvpn:openvpn"), "comparison": ("vpnd:openvpn",),
         "once": ("vpnd:openvpn",)}
CASES = (("server", server_cases.case), ("client", client_cases.case), ("either", option_cases.case),
         ("both", option_cases.both_case), ("either", site_cases.case), ("client hooks", hook_cases.client_case),
         ("server hooks", hook_cases.server_case), ("comparison", hook_cases.comparison_case),
         ("either", auth_cases.case), ("server", management_cases.case), ("server", reload_cases.case),
         ("client", management_cases.client_case), ("once", management_cases.both_case))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vpnd", default="vpnd", metavar="PATH", help="the vpnd to test")
    parser.add_argument("--workers", default="", metavar="N", help="vpnd's option of that name")
    parser.add_argument("--roles", nargs="+", metavar="SERVER:CLIENT", help="programs for the two roles, for all cases")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name holds this")
    parser.add_argument("--jobs", type=int, default=6, metavar="N", help="cases at a time; they mostly wait")
    return parser.parse_args()


def play(body: Callable[[Star], None], pki: Pki, server: Program, client: Program) -> str:
    with Lab("features") as lab:
        try:
            body(Star(lab, pki, server, client))
        except (CheckFailed, RuntimeError, OSError) as error:
            raise CaseFailed(str(error), lab.tails()) from error
    return ""


def cases(options: argparse.Namespace, pki: Pki) -> list[Case]:
    found = []
    for side, bodies in CASES:
        for roles in options.roles or ROLES[side]:
            server, client = (find_program(name, options.vpnd, options.workers) for name in roles.split(":"))
            if server is None or client is None:
                raise SystemExit(f"{roles}: a program is not installed (vpnd is looked for at {options.vpnd})")
            for body in bodies:
                if options.only in body.__name__:
                    name = f"{server.name}←{client.name} {body.__name__.replace('_', ' ')}"
                    found.append(Case(name, lambda body=body, ends=(server, client): play(body, pki, *ends)))
    return found


def main() -> int:
    options = arguments()
    if (reason := missing_privilege()) is not None:
        print(f"feature cases skipped: {reason}")
        return EXIT_SKIPPED
    with tempfile.TemporaryDirectory(prefix="vpnd-pki-") as directory:
        totals = run_cases(cases(options, Pki(Path(directory))), options.jobs, SECOND_TRIES)
    return 1 if totals.failed or not totals.passed else 0


if __name__ == "__main__":
    main_guard(main)
