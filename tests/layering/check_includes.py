#!/usr/bin/env python3
"""Keeps the arrows of the architecture true by reading every #include.

    vpnd ──► proto ──► crypto ──► OpenSSL, ipsec-mb
      ├────► tunio ──► liburing, the driver's user-space header
      └────► Asio, spdlog, libnl, libsystemd, libcap-ng, libpam  fmt: everybody

    check_includes.py ROOT
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

# Folder of a file → folders of the repository it may include.
MAY_KNOW = {
    "crypto": {"crypto"},
    "proto": {"proto", "crypto"},
    "tunio": {"tunio"},
    "vpnd": {"vpnd", "proto", "crypto", "tunio"},
}

DRIVER_HEADER = "kmod-tun-batch/include/uapi/"

# Beginning of an included name → the one folder that may include it.
LIBRARIES = {
    "openssl/": "crypto",
    "intel-ipsec-mb": "crypto",
    "liburing": "tunio",
    DRIVER_HEADER: "tunio",
    "asio": "vpnd",
    "spdlog/": "vpnd",
    "netlink/": "vpnd",
    "systemd/": "vpnd",
    "cap-ng": "vpnd",
    "security/pam_": "vpnd",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def includes(file: Path) -> Iterator[tuple[int, str, str]]:
    """Line number, kind of bracket and name of each #include of a file."""
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if (found := INCLUDE.match(line)) is not None:
            yield number, found.group(1), found.group(2)


def faults(root: Path) -> Iterator[str]:
    for folder, known in MAY_KNOW.items():
        for file in sorted((*(root / folder).rglob("*.hpp"), *(root / folder).rglob("*.cpp"))):
            for number, bracket, name in includes(file):
                where = f"{file.relative_to(root)}:{number}"
                top = name.split("/")[0]
                if top in MAY_KNOW and top not in known:
                    yield f"{where}: {folder} must not know {top}: {name}"
                if bracket == '"' and top not in MAY_KNOW and not name.startswith(DRIVER_HEADER):
                    yield f"{where}: own headers are included by their path from the repository's root: {name}"
                for library, owner in LIBRARIES.items():
                    if name.startswith(library) and folder != owner:
                        yield f"{where}: {name} belongs behind {owner}/"


def main() -> int:
    root = Path(sys.argv[1])
    found = list(faults(root))
    print("\n".join(found) if found else "every #include is where the architecture allows it")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
