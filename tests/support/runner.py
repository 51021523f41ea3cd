"""Runs independent cases a few at a time and tells how each went, one line per case."""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from .process import Interrupted, interruption


class Skipped(Exception):
    """The case cannot be tried here; the text says why."""


class CaseFailed(Exception):
    """A failed case together with the ends of its logs."""

    def __init__(self, reason: str, logs: str) -> None:
        super().__init__(reason)
        self.logs = logs


@dataclass(frozen=True)
class Case:
    name: str
    body: Callable[[], str]  # returns a remark for the report


@dataclass
class Totals:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


# The clocks of a tunnel go on while a busy machine leaves its processes waiting. So many failures, no more, may be due
# to that: these cases are tried once more, alone. What was wrong the first time stays in the output.
SECOND_TRIES = 2


def run_cases(cases: list[Case], jobs: int, second_tries: int = 0) -> Totals:
    totals = Totals()
    failed: list[Case] = []
    started = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(_run, case) for case in cases]
        try:
            for done, future in enumerate(as_completed(futures), 1):
                verdict, line = future.result()
                setattr(totals, verdict, getattr(totals, verdict) + 1)
                if verdict == "failed":
                    failed.append(cases[futures.index(future)])
                print(f"[{done}/{len(cases)}] {line}", flush=True)
        except BaseException:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # from here on only cleaning up
            interruption.set()
            for future in futures:
                future.cancel()
            raise
    if len(failed) <= second_tries:
        for case in failed:
            verdict, line = _run(case)
            print(f"[once more, alone] {line}", flush=True)
            totals.failed -= 1
            setattr(totals, verdict, getattr(totals, verdict) + 1)
    print(f"{totals} in {time.monotonic() - started:.0f} s", flush=True)
    return totals


def _run(case: Case) -> tuple[str, str]:
    started = time.monotonic()

    def line(word: str, remark: str) -> str:
        return f"{word} {case.name}  {time.monotonic() - started:.1f} s  {remark}".rstrip()

    try:
        return "passed", line("PASS", case.body())
    except Skipped as reason:
        return "skipped", line("SKIP", str(reason))
    except CaseFailed as failure:
        return "failed", line("FAIL", f"{failure}\n{failure.logs}")
    except Exception:
        return "failed", line("FAIL", traceback.format_exc())
    except Interrupted:
        return "skipped", line("SKIP", "interrupted")
