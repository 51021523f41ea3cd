"""The programs that can play a part in a tunnel: vpnd, and OpenVPN, whose command line it shares."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

COMPLETED = "Initialization Sequence Completed"


@dataclass(frozen=True)
class Program:
    name: str
    path: str
    workers: str = ""  # for vpnd's option of that name; empty: as it is by itself

    @property
    def is_vpnd(self) -> bool:
        return self.name == "vpnd"

    def command(self, config: Path) -> list[str]:
        return [self.path, "--config", str(config)]

    @property
    def keys_agreed(self) -> str:
        """What it says after each TLS handshake, the first and every renegotiation."""
        return "Peer Connection Initiated|[Nn]ew data keys" if self.is_vpnd else r"Control Channel: TLSv1\.\d"

    @property
    def own_options(self) -> list[str]:
        """Options without which this program would not be comparable."""
        if not self.is_vpnd:
            return ["disable-dco"]
        own = ["dns-updown disable"]  # the lab has the host's /etc
        return [*own, f"workers {self.workers}"] if self.workers else own


def find_program(name: str, vpnd_path: str, workers: str = "") -> Program | None:
    """The program called `name`; vpnd is not installed but built, so its path is given."""
    path = shutil.which(vpnd_path if name == "vpnd" else name)
    return Program(name, str(Path(path).resolve()), workers) if path else None
