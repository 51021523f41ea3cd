"""Where a run took place and with what: without this its figures say nothing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from pathlib import Path

from support.processors import Processors

from .site import CONGESTION_CONTROL


def describe() -> dict[str, str]:
    return {
        "processor": _processor(),
        "processors": str(os.cpu_count()),
        "memory": _first("/proc/meminfo", "MemTotal"),
        "hypervisor": "yes" if "hypervisor" in _first("/proc/cpuinfo", "flags").split() else "no",
        "kernel": f"{platform.system()} {platform.release()}",
        "distribution": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "congestion control": CONGESTION_CONTROL,
    }


def _processor() -> str:
    """Virtual machines leave out the model's name, and its numbers tell one generation from the next."""
    name, family, model = (_first("/proc/cpuinfo", key) for key in ("model name", "cpu family", "model"))
    return f"{name} (family {family}, model {model})"


def versions(vpnd: str) -> dict[str, str]:
    """The first line that each program says about itself."""
    commands = {"vpnd": [vpnd, "--version"], "openvpn": ["openvpn", "--version"], "openssl": ["openssl", "version"],
                "iperf3": ["iperf3", "--version"], "ab": ["ab", "-V"]}
    found = {name: _first_line(argv) for name, argv in commands.items()}
    # wireguard-go tells the version of its source only, and Debian's is what is compared.
    found["wireguard-go"] = _first_line(["dpkg-query", "-W", "-f", "${Version}", "wireguard-go"])
    return found


def commit(root: Path) -> str:
    """The commit that was measured, and whether the tree was as committed."""
    if not shutil.which("git"):
        return "unknown"
    done = subprocess.run(["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
                          capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def busy_now(seconds: float = 1.0) -> float:
    """The part of the processors' time that others use."""
    before = Processors.now()
    time.sleep(seconds)
    return Processors.now().since(before).busy


def _first(file: str, name: str) -> str:
    for line in Path(file).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _first_line(argv: list[str]) -> str:
    try:
        return subprocess.run(argv, capture_output=True, text=True).stdout.splitlines()[0].strip()
    except (OSError, IndexError):
        return "not there"
