"""A lab: namespaces, processes and files of one test, all gone when it ends, however it ends.

    with Lab("example") as lab:
        server, client = lab.namespace("server"), lab.namespace("client")

Names carry the process id and a running number, so labs never meet, not even those of two test runs at once.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType, TracebackType

from .netns import Namespace
from .process import Process
from .runner import CaseFailed, Skipped
from .sanitizer import sanitizer_report

NOBODY = 65534
_serial = itertools.count()


def exit_on_signals() -> None:
    """Lets SIGTERM and SIGHUP unwind the program as Ctrl-C does, so that labs are cleaned up. For the main thread."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def missing_privilege() -> str | None:
    """Why labs cannot be built here, or None when they can."""
    if os.geteuid() != 0:
        return "needs root (or `unshare -Urnm`)"
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        return f"needs /dev/net/tun: {error.strerror}"
    return None


def missing_users() -> str | None:
    """Why programs cannot become another user here, or None when they can."""
    ids = sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines())
    return None if ids > NOBODY else "needs other users than root (not just `unshare -Urnm`)"


class Lab:
    def __init__(self, name: str, *, keep_logs_on_failure: bool = True) -> None:
        self.name = name
        self._prefix = f"vt{os.getpid()}-{next(_serial)}"
        self._namespaces: list[Namespace] = []
        self._processes: list[Process] = []
        self._keep_logs_on_failure = keep_logs_on_failure
        self.directory = Path(tempfile.mkdtemp(prefix=f"vpnd-{name}-"))

    def namespace(self, role: str) -> Namespace:
        namespace = Namespace.create(f"{self._prefix}-{role}")
        self._namespaces.append(namespace)
        return namespace

    def start(self, namespace: Namespace, name: str, argv: list[str]) -> Process:
        """Starts a program under test, its output in `name`.log; a second one of that name appends to the same file."""
        return self._start(namespace, self.directory / f"{name}.log", argv, keep_stdin=False)

    def start_helper(self, namespace: Namespace, name: str, argv: list[str], *, keep_stdin: bool = False) -> Process:
        """Starts a program of the test itself, whose output (`name`.out) does not belong into a report."""
        return self._start(namespace, self.directory / f"{name}.out", argv, keep_stdin=keep_stdin)

    def _start(self, namespace: Namespace, log: Path, argv: list[str], *, keep_stdin: bool) -> Process:
        process = Process(namespace, argv, log, keep_stdin=keep_stdin)
        self._processes.append(process)
        return process

    def process(self, name: str) -> Process:
        """The running program of this name."""
        return next(process for process in self._processes if process.name == name and process.running)

    @staticmethod
    def stop(*processes: Process) -> None:
        """Ends programs whose way of ending is of no interest."""
        for process in processes:
            process.kill()

    def write(self, name: str, text: str, *, mode: int = 0o600) -> Path:
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def tails(self, lines: int = 40) -> str:
        """The ends of the logs of the programs under test, for the report of a failure."""
        parts = []
        for log in self._logs():
            text = log.read_text(errors="replace").splitlines()[-lines:]
            parts.append(f"--- last lines of {log}\n" + "\n".join("    " + line for line in text))
        return "\n".join(parts)

    def sanitizer_reports(self) -> str:
        """What sanitizers found in the programs under test, those included whose end no test looks at."""
        reports = ((log, sanitizer_report(log.read_text(errors="replace"))) for log in self._logs())
        return "\n".join(f"--- sanitizer report in {log}\n{report}" for log, report in reports if report is not None)

    def _logs(self) -> list[Path]:
        return sorted(self.directory.glob("*.log"))

    def close(self, *, failed: bool = False) -> None:
        """Ends everything, then looks through the logs: raises CaseFailed where a sanitizer has found something."""
        for process in reversed(self._processes):
            process.kill()
        for namespace in self._namespaces:
            namespace.delete()
        reports = self.sanitizer_reports()
        if not ((failed or reports) and self._keep_logs_on_failure):
            shutil.rmtree(self.directory, ignore_errors=True)
        if reports:
            raise CaseFailed("a sanitizer found something", reports)

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: BaseException | None,
                 _trace: TracebackType | None) -> None:
        self.close(failed=kind is not None and issubclass(kind, Exception) and not issubclass(kind, Skipped))


def main_guard(main: object) -> None:
    """Runs `main()` as a program: exit status from its result, a short word instead of a trace on Ctrl-C."""
    exit_on_signals()
    try:
        sys.exit(main())  # type: ignore[operator]
    except KeyboardInterrupt:
        sys.exit("interrupted")
