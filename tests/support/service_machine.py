"""A machine of one's own (machine.py) with a systemd of its own, which knows no units but those of the test.

Its processes, cgroups and /run are apart from those of the real machine, which need not run systemd.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType

from .errors import CheckFailed
from .lab import Lab
from .machine import Machine
from .netns import Namespace
from .process import wait_until
from .runner import Skipped

_CGROUPS = Path("/sys/fs/cgroup")
_CONTROLLERS = ("devices", "pids", "memory")  # where each has a hierarchy of its own (cgroup v1), those that are taken over
_TARGETS = ("sysinit", "basic", "network", "network-online", "multi-user", "shutdown")

# A process that is in its own cgroups, and then sees these as the whole.
_ENTER_CGROUPS = "for group in {groups}; do mkdir -p $group; echo $$ > $group/cgroup.procs; done\n"
_BOOT = """
mount -t proc proc /proc
if [ {version} = 2 ]; then
  mount -t cgroup2 cgroup /sys/fs/cgroup
else
  mount -t tmpfs -o mode=755 cgroups /sys/fs/cgroup
  for name in {names}; do
    mkdir /sys/fs/cgroup/$name
    case $name in systemd) options=none,name=systemd ;; *) options=$name ;; esac
    mount -t cgroup -o $options cgroup /sys/fs/cgroup/$name
  done
fi
exec env -i container=test PATH=$PATH SYSTEMD_UNIT_PATH={units} /usr/lib/systemd/systemd --system --unit=basic.target \
  --log-target=console --show-status=no
"""


class ServiceMachine:
    """`units`: files for its folder of units. Raises Skipped where systemd cannot be had or cannot run like this."""

    def __init__(self, lab: Lab, namespace: Namespace, units: list[Path], *, over: tuple[Path, ...] = ()) -> None:
        self._groups = _own_groups(namespace.name)
        self._machine = Machine(lab, namespace, "systemd", over=over)
        self.units = lab.directory / "units"
        self.units.mkdir()
        for target in _TARGETS:
            (self.units / f"{target}.target").write_text(f"[Unit]\nDescription={target}\nDefaultDependencies=no\n")
        for unit in units:
            shutil.copy(unit, self.units)

    def __enter__(self) -> ServiceMachine:
        names = " ".join(group.parent.name for group in self._groups)
        boot = _BOOT.format(version=2 if self._groups[0].parent == _CGROUPS else 1, names=names, units=self.units)
        self._systemd = self._machine.start("systemd", "sh", "-ec", (
            _ENTER_CGROUPS.format(groups=" ".join(map(str, self._groups))) +
            'exec unshare --pid --fork --kill-child --mount --propagation private --uts --ipc --cgroup sh -ec "$1"'),
            "sh", boot)
        try:
            wait_until(self._is_running, 15, "a systemd of the test's own")
        except CheckFailed as error:
            self.close()
            raise Skipped(f"{error}: {self._systemd.tail(2)}") from None
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None,
                 _trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends everything in it, then its cgroups."""
        with contextlib.suppress(RuntimeError, OSError, IndexError, subprocess.TimeoutExpired):
            self.systemctl("stop", "*.service")  # private folders in /tmp go with their unit
        self._systemd.send_signal(signal.SIGKILL)  # what it runs ends with it: its process namespace does
        self._systemd.kill()
        for group in self._groups:
            for folder, _, _ in os.walk(group, topdown=False):
                wait_until(lambda folder=folder: _is_gone(Path(folder)), 5, f"the end of {folder}")

    def run(self, *argv: str) -> str:
        return self._machine.namespace.run(*self._command(*argv))

    def systemctl(self, *words: str) -> None:
        try:
            self.run("systemctl", *words)
        except RuntimeError as error:
            known = self.run("systemctl", "show", "-p", "Result,ExecStartPre,ExecMainCode,ExecMainStatus", words[-1])
            raise RuntimeError(f"{error}\n{known}{self._systemd.tail(5)}") from None

    def show(self, unit: str, name: str) -> str:
        """What systemd knows of a unit by this name."""
        return self.run("systemctl", "show", "--value", "-p", name, unit).strip()

    def _command(self, *argv: str) -> list[str]:
        first = Path(f"/proc/{self._systemd.pid}/task/{self._systemd.pid}/children").read_text().split()[0]
        return ["nsenter", "-t", first, "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--", *argv]

    def _is_running(self) -> bool:
        try:
            return self.run("systemctl", "is-active", "basic.target").strip() == "active"
        except (RuntimeError, OSError, IndexError, subprocess.TimeoutExpired):
            return False


def _own_groups(name: str) -> list[Path]:
    """Cgroups for a systemd: one where there is but one hierarchy, else one in each that it uses."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS / name]
    if not (_CGROUPS / "systemd").is_dir():
        raise Skipped("this machine has no cgroups for systemd")
    return [_CGROUPS / kind / name for kind in ("systemd", *_CONTROLLERS) if (_CGROUPS / kind).is_dir()]


def _is_gone(group: Path) -> bool:
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:  # a process in it is still ending
        return False
    return True
