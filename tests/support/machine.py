"""A machine of one's own, as far as its files go: a mount namespace around a network namespace.

/etc is the real one with changes that are gone with it, /run is empty, and packages that are not installed, or other folders
with `usr` and `etc`, can be laid over /usr and /etc. Programs started in it see these; processes, /tmp and everything else are those of the real machine.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .lab import Lab
from .netns import Namespace
from .packages import package_tree
from .process import Process
from .programs import Program

_MOUNTS = """
mount -t tmpfs -o mode=755 machine /run
mkdir -p /run/.etc/changes /run/.etc/work /run/lock
mount -t overlay -o lowerdir={etc},upperdir=/run/.etc/changes,workdir=/run/.etc/work machine /etc
"""
_PROGRAMS = "mount -t overlay -o lowerdir={usr} machine /usr\n"


class Machine:
    def __init__(self, lab: Lab, namespace: Namespace, *packages: str, over: tuple[Path, ...] = ()) -> None:
        self.lab, self.namespace = lab, namespace
        trees = [*over, *(tree for tree in map(package_tree, packages) if tree is not None)]
        etc, usr = (":".join([*(str(tree / name) for tree in trees), f"/{name}"]) for name in ("etc", "usr"))
        script = "set -e\n" + (_PROGRAMS.format(usr=usr) if trees else "") + _MOUNTS.format(etc=etc)
        # Its mounts last as long as this process, or another one that was started in it.
        self._holder = lab.start_helper(namespace, f"machine-{namespace.name}", [
            "unshare", "--mount", "--propagation", "private", "sh", "-c", script + "echo ready\nexec sleep infinity"])
        self._holder.wait_for("^ready", 15)

    def command(self, *argv: str) -> list[str]:
        return ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "--", *argv]

    def run(self, *argv: str) -> str:
        return self.namespace.run(*self.command(*argv))

    def shell(self, script: str) -> str:
        return self.run("sh", "-e", "-c", script)

    def start(self, name: str, *argv: str) -> Process:
        """Starts a service, which ends with the lab."""
        return self.lab.start_helper(self.namespace, name, self.command(*argv))

    def program(self, program: Program) -> Program:
        """The program to be started in the namespace of this machine, which is in it then; with the umask of vpnd's units."""
        words = " ".join(self.command(program.path))
        wrapper = self.lab.write(f"{program.name}-in-{self.namespace.name}",
                                 f'#!/bin/sh\numask 0027\nexec {words} "$@"\n', mode=0o755)
        return replace(program, path=str(wrapper))
