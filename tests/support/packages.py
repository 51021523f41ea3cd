"""Programs of packages that nobody would install for a test, since they take a service of the machine over.

They are fetched by apt, unpacked and kept in ~/.cache/vpnd-test-packages, and laid over /usr and /etc in a mount namespace
(see machine.py). What is installed is taken as it is.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from .netns import run
from .runner import Skipped

_lock = threading.Lock()


def package_tree(name: str) -> Path | None:
    """A folder with `usr` and `etc` of the package, and of those it needs and which are missing; None: it is installed."""
    with _lock:
        found = _tree(name)
    if isinstance(found, Skipped):
        raise found
    return found


@functools.cache
def _tree(name: str) -> Path | Skipped | None:
    try:
        return None if _is_installed(name) else _fetched(name)
    except Skipped as reason:
        return reason  # to be tried once


def _fetched(name: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vpnd-test-packages"
    # What was fetched fits the libraries of this machine: after an update of Debian it is fetched anew.
    tree = cache / Path("/etc/debian_version").read_text().strip().replace("/", "-") / name
    if not tree.exists():
        tree.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=tree.parent, prefix=f"{name}-") as directory:
            _fetch(name, Path(directory))
            with contextlib.suppress(OSError):  # another run of the test was faster
                Path(directory, "tree").rename(tree)
    return tree


def _is_installed(name: str) -> bool:
    query = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", name], capture_output=True, text=True)
    return query.stdout == "installed"


def _fetch(name: str, directory: Path) -> None:
    """Makes `tree` in the directory. Nothing is installed, so no lock is needed, and what conflicts is not in the way."""
    archives = directory / "archives"
    (archives / "partial").mkdir(parents=True)
    settings = ("APT::Sandbox::User=root", "Debug::NoLocking=1", f"Dir::Cache::archives={archives}",
                "Acquire::Retries=0", "Acquire::http::Timeout=15")
    try:
        run("apt-get", "-qq", "-y", "--no-install-recommends", "--download-only", *(f"-o{words}" for words in settings),
            "install", name)
    except (RuntimeError, FileNotFoundError, subprocess.TimeoutExpired) as error:
        reason = str(error).partition("E: ")[2].partition("\n")[0] or error
        raise Skipped(f"{name} is not installed and cannot be fetched: {reason}") from None
    tree = directory / "tree"
    (tree / "usr").mkdir(parents=True)
    (tree / "etc").mkdir()
    for archive in archives.glob("*.deb"):
        run("dpkg-deb", "-x", str(archive), str(tree))
    for folder in ("bin", "sbin", "lib"):  # on the machine they are links into /usr
        if (tree / folder).is_dir():
            shutil.copytree(tree / folder, tree / "usr" / folder, symlinks=True, dirs_exist_ok=True)
