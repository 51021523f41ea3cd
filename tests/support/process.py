"""A program started by a test: known by its process id, its output in a file, stopped with the test."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from .errors import CheckFailed
from .netns import Namespace

POLL_SECONDS = 0.03


# Set when the whole run is to end: every wait, in whatever thread, then unwinds.
interruption = threading.Event()


class Interrupted(BaseException):
    """The run was ended from outside; says nothing about the program under test."""


def wait_until(condition: Callable[[], bool], timeout: float, what: str) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if interruption.is_set():
            raise Interrupted
        if time.monotonic() > deadline:
            raise CheckFailed(f"{what}: not within {timeout:g} s")
        time.sleep(POLL_SECONDS)


class Process:
    def __init__(self, namespace: Namespace, argv: list[str], log: Path, *, keep_stdin: bool = False) -> None:
        self.name = log.stem
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                namespace.command(*argv), stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                stdin=subprocess.PIPE if keep_stdin else subprocess.DEVNULL)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def count(self, pattern: str) -> int:
        return len(re.findall(pattern, self.text()))

    def wait_for(self, pattern: str, timeout: float, *, count: int = 1) -> None:
        """Waits until the log holds at least `count` matches of `pattern`."""

        def seen() -> bool:
            if self.count(pattern) >= count:
                return True
            if not self.running:
                raise CheckFailed(f"{self.name} ended with {self._popen.returncode} before it said /{pattern}/")
            return False

        wait_until(seen, timeout, f"{self.name} to say /{pattern}/" + (f" {count} times" if count > 1 else ""))

    def close_stdin(self) -> None:
        if self._popen.stdin is not None:
            self._popen.stdin.close()

    def wait(self, timeout: float) -> int:
        """Waits for the end of the program and returns its exit status."""
        wait_until(lambda: not self.running, timeout, f"end of {self.name}")
        return self._popen.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.running:
            self._popen.send_signal(number)

    def terminate(self, timeout: float = 10) -> int:
        """Asks the program to end and returns its exit status; one that does not obey is a failed check."""
        self.send_signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self) -> None:
        """Ends the program whatever its state. Never raises: this is for cleaning up."""
        self.close_stdin()
        for number, patience in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0)):
            self.send_signal(number)
            try:
                self._popen.wait(patience)
                return
            except subprocess.TimeoutExpired:
                continue

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.text().splitlines()[-lines:])
