#!/usr/bin/env python3
"""The units of systemd/ under a systemd: a server with a user of its own and a client, as they are installed, on one machine.

Each function is a case; its name is the sentence it proves.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from star import CaseList
from support.errors import CheckFailed, check
from support.lab import Lab, main_guard, missing_privilege, missing_users
from support.pki import Pki
from support.process import wait_until
from support.runner import SECOND_TRIES, Case, CaseFailed, run_cases
from support.service_machine import ServiceMachine

EXIT_SKIPPED = 77
AT_A_TIME = 1  # with two, a start failed now and then (219/CGROUP) while the other systemd ended (cgroup v1)
SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
SERVER, CLIENT = "vpnd-server@site", "vpnd-client@home"

_KEYS = "ca /etc/vpnd/ca.crt\ncert /etc/vpnd/{name}.crt\nkey /etc/vpnd/{name}.key\n"
_CONFIGURATIONS = {
    "server/site.conf": "server 10.8.0.0 255.255.255.0\ndev tun7\nkeepalive 2 10\nuser vpnd\ngroup vpnd\n",
    "client/home.conf": "client\ndev tun8\nremote 127.0.0.1 1194\nremote-cert-tls server\n",
}

case = CaseList()


class Site:
    """The machine, booted, with nothing started. Logs of the units are files in the folder of the lab."""

    def __init__(self, lab: Lab, pki: Pki, vpnd: Path) -> None:
        self._lab, self._installed = lab, lab.directory / "installed"
        self._install(pki, vpnd)
        self.machine = ServiceMachine(lab, lab.namespace("site"), list(SYSTEMD.glob("*.service")), over=(self._installed,))
        for unit in (SERVER, CLIENT):
            folder = self.machine.units / f"{unit}.service.d"
            folder.mkdir()
            log = self.log(unit)
            log.touch()
            (folder / "log.conf").write_text(f"[Service]\nStandardOutput=append:{log}\nStandardError=inherit\n")

    def _install(self, pki: Pki, vpnd: Path) -> None:
        programs, helpers = self._installed / "usr/sbin", self._installed / "usr/libexec/vpnd"
        programs.mkdir(parents=True)
        helpers.mkdir(parents=True)
        shutil.copy(vpnd, programs)
        for helper in vpnd.parent.glob("vpnd-*"):
            if helper.is_file():
                shutil.copy(helper, helpers)
        for name, text in _CONFIGURATIONS.items():
            keys = _KEYS.format(name=name.partition("/")[0])
            self.write(name, text + keys + "verb 3\n")
        for name in ("ca.crt", "server.crt", "server.key", "client.crt", "client.key"):
            self.write(name, pki.text(name))

    def write(self, name: str, text: str) -> None:
        """A file of /etc/vpnd; before the machine runs."""
        file = self._installed / "etc/vpnd" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o600)

    def log(self, unit: str) -> Path:
        return self._lab.directory / f"{unit}.log"

    def prepare(self) -> None:
        """What a package does when it is installed."""
        self.machine.run("systemd-sysusers", str(SYSTEMD / "vpnd.sysusers"))
        self.machine.run("systemd-tmpfiles", "--create", "--prefix=/run", str(SYSTEMD / "vpnd.tmpfiles"))

    def start(self) -> None:
        self.machine.systemctl("start", SERVER)
        self.machine.systemctl("start", CLIENT)  # returns when the tunnel is up: Type=notify
        check(self.machine.show(SERVER, "StatusText") == "accepting clients", "the server's status is another")
        check(self.machine.show(CLIENT, "StatusText") == "connected to 127.0.0.1:1194", "the client's status is another")

    def wait_for(self, unit: str, text: str, count: int = 1) -> None:
        wait_until(lambda: self.log(unit).read_text().count(text) >= count, 15, f"{text!r} in the log of {unit}")


@case
def both_units_start_tell_their_status_and_stop(site: Site) -> None:
    site.start()
    user = site.machine.run("stat", "-c", "%U", f"/proc/{site.machine.show(SERVER, 'MainPID')}").strip()
    check(user == "vpnd", f"the server runs as {user}")
    for unit in (SERVER, CLIENT):  # what the units forbid is nothing that the fast path needs
        check("data path: io_uring" in site.log(unit).read_text(), f"{unit} does without io_uring")
    site.machine.systemctl("stop", CLIENT, SERVER)
    status = site.machine.run("cat", "/run/vpnd-server/status-site.log")
    check(status.startswith("TITLE,vpnd"), f"the status file says {status}")
    for unit in (SERVER, CLIENT):
        check(site.machine.show(unit, "Result") == "success", f"{unit} ended badly")
    check("tun" not in site.machine.run("ip", "-br", "link"), "a device is left")


@case
def reload_reaches_both_and_starts_neither_again(site: Site) -> None:
    site.start()
    processes = [site.machine.show(unit, "MainPID") for unit in (SERVER, CLIENT)]
    site.machine.systemctl("reload", SERVER)
    site.wait_for(SERVER, "SIGHUP: ")
    site.machine.systemctl("reload", CLIENT)
    site.wait_for(CLIENT, "Initialization Sequence Completed", 2)
    wait_until(lambda: site.machine.show(CLIENT, "SubState") == "running", 10, "the end of the reload")
    check([site.machine.show(unit, "MainPID") for unit in (SERVER, CLIENT)] == processes, "one is another process")
    for unit in (SERVER, CLIENT):
        check(site.machine.show(unit, "ActiveState") == "active", f"{unit} is not active any more")


@case
def a_daemon_that_was_killed_is_started_again(site: Site) -> None:
    site.start()
    site.machine.systemctl("kill", "--kill-whom=main", "-s", "KILL", CLIENT)
    wait_until(lambda: site.machine.show(CLIENT, "NRestarts") == "1", 15, "another start")
    wait_until(lambda: site.machine.show(CLIENT, "StatusText") == "connected to 127.0.0.1:1194", 15, "the tunnel")


@case
def a_configuration_that_cannot_be_used_is_told_by_its_line(site: Site) -> None:
    site.machine.run("sh", "-c", "echo remotte x >> /etc/vpnd/client/home.conf")
    try:
        site.machine.systemctl("start", CLIENT)
    except RuntimeError:
        site.wait_for(CLIENT, '"remotte": unknown directive; did you mean "remote"?')
        return
    raise CheckFailed("it started")


def play(body: Callable[[Site], None], pki: Pki, vpnd: Path) -> str:
    with Lab("units") as lab:
        site = Site(lab, pki, vpnd)
        with site.machine:
            try:
                site.prepare()
                body(site)
            except (CheckFailed, RuntimeError, OSError) as error:
                raise CaseFailed(str(error), lab.tails()) from error
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vpnd", required=True, type=Path, metavar="PATH", help="the vpnd to test, from a build tree")
    options = parser.parse_args()
    if (reason := missing_privilege() or missing_users()) is not None:
        print(f"units skipped: {reason}")
        return EXIT_SKIPPED
    with tempfile.TemporaryDirectory(prefix="vpnd-pki-") as directory:
        pki = Pki(Path(directory))
        totals = run_cases([Case(body.__name__.replace("_", " "), lambda body=body: play(body, pki, options.vpnd))
                            for body in case], AT_A_TIME, SECOND_TRIES)
    if totals.failed or not totals.passed + totals.skipped:
        return 1
    return 0 if totals.passed else EXIT_SKIPPED


if __name__ == "__main__":
    main_guard(main)
