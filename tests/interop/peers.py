"""The two ends of a case: which program plays which, and the configuration files they are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from support.lab import Lab
from support.pki import Pki
from support.programs import Program

PORT = 1194
TUNNEL_SERVER = ("10.8.0.1", "fd00:8::1")
USER, PASSWORD = "alice", "correct horse #battery"

DIMENSIONS: dict[str, tuple[str, ...]] = {
    "wrap": ("none", "tls-auth-SHA1", "tls-auth-SHA256", "tls-auth-SHA512", "tls-crypt", "tls-crypt-v2-cookie",
             "tls-crypt-v2-noncookie"),
    "cipher": ("AES-128-GCM", "AES-192-GCM", "AES-256-GCM", "CHACHA20-POLY1305"),
    "transport": ("udp", "tcp"),
    "outer": ("v4", "v6"),
    "tls": ("1.2", "1.3"),
    "keys": ("exporter", "prf"),
    "auth": ("ec-cert", "rsa-cert", "password"),
}


def dimensions_for(server: Program, client: Program) -> dict[str, tuple[str, ...]]:
    """Two stock peers always agree on the exporter; only vpnd can be told to go without."""
    dimensions = dict(DIMENSIONS)
    if not (server.is_vpnd or client.is_vpnd):
        dimensions["keys"] = ("exporter",)
    return dimensions


@dataclass(frozen=True)
class Combination:
    """One row of the matrix, and the lines it puts into the configuration of either side."""

    settings: Mapping[str, str]
    server: Program
    client: Program

    @property
    def name(self) -> str:
        return f"{self.server.name}←{self.client.name} " + " ".join(self.settings.values())

    @property
    def udp(self) -> bool:
        return self.settings["transport"] == "udp"

    @property
    def outer_family(self) -> int:
        return int(self.settings["outer"][1])

    @property
    def common_name(self) -> str:
        return USER if self.uses_password else "client"

    @property
    def uses_password(self) -> bool:
        return self.settings["auth"] == "password"

    @property
    def key_algorithm(self) -> str:
        """Of the PKI that it needs."""
        return "rsa" if self.settings["auth"] == "rsa-cert" else "ec"

    def server_config(self, lab: Lab, pki: Pki, address: str, reneg_seconds: int) -> Path:
        lines = [
            "dev tun", f"local {address}", f"port {PORT}", f"proto {self._proto('-server')}", "topology subnet",
            "server 10.8.0.0 255.255.255.0", "server-ipv6 fd00:8::/64", "keepalive 1 8",
            f"ca {pki.path('ca.crt')}", f"cert {pki.path('server.crt')}", f"key {pki.path('server.key')}", "dh none",
            f"status {lab.directory / 'status'} 1", "status-version 2",
            "verb 4",  # OpenVPN mentions a float on no lower level
            *self._shared(reneg_seconds), *self._wrap(pki, side="server"), *self._own(self.server),
        ]
        if self.uses_password:
            lines += ["verify-client-cert none", "username-as-common-name", "script-security 2",
                      f"auth-user-pass-verify {self._verify_script(lab)} via-file"]
        return lab.write("server.conf", "\n".join(lines) + "\n")

    def client_config(self, lab: Lab, pki: Pki, address: str, port: int, reneg_seconds: int) -> Path:
        """What profiles look like: everything inline. The road may lead over a relay, hence `address` and `port`."""
        lines = [
            "client", "dev tun", f"proto {self._proto('-client')}", f"remote {address} {port}", "nobind",
            "verb 3", "remote-cert-tls server", "verify-x509-name server name", "connect-retry 1 1", "persist-tun",
            "hand-window 12",  # a client that meets a server about to end gives up on it after so many seconds
            _inline("ca", pki, "ca.crt"),
            *self._shared(reneg_seconds), *self._wrap(pki, side="client"), *self._own(self.client),
        ]
        if self.uses_password:
            lines.append(self._credentials(lab))
        else:
            lines += [_inline("cert", pki, "client.crt"), _inline("key", pki, "client.key")]
        return lab.write("client.conf", "\n".join(lines) + "\n")

    def _proto(self, tcp_role: str) -> str:
        transport, version = self.settings["transport"], self.outer_family
        return f"udp{version}" if transport == "udp" else f"tcp{version}{tcp_role}"

    def _shared(self, reneg_seconds: int) -> list[str]:
        tls, cipher = self.settings["tls"], self.settings["cipher"]
        lines = [f"data-ciphers {cipher}", f"tls-version-min {tls}", f"reneg-sec {reneg_seconds}"]
        if tls == "1.2":
            lines.append("tls-version-max 1.2")
        if self.udp:
            lines.append("explicit-exit-notify 1")
        return lines

    def _wrap(self, pki: Pki, side: str) -> list[str]:
        wrap = self.settings["wrap"]
        server = side == "server"
        if wrap.startswith("tls-auth"):
            digest = wrap.removeprefix("tls-auth-")
            if server:
                return [f"auth {digest}", f"tls-auth {pki.path('tls-auth.key')} 0"]
            return [f"auth {digest}", _inline("tls-auth", pki, "tls-auth.key"), "key-direction 1"]
        if wrap == "tls-crypt":
            key = "tls-crypt.key"
            return [f"tls-crypt {pki.path(key)}"] if server else [_inline("tls-crypt", pki, key)]
        if wrap.startswith("tls-crypt-v2"):
            if server:
                policy = "force-cookie" if wrap.endswith("-cookie") else "allow-noncookie"
                return [f"tls-crypt-v2 {pki.path('tls-crypt-v2-server.key')} {policy}"]
            return [_inline("tls-crypt-v2", pki, "tls-crypt-v2-client.key")]
        return []

    def _own(self, program: Program) -> list[str]:
        legacy_keys = program.is_vpnd and self.settings["keys"] == "prf"
        return program.own_options + (["key-exporter off"] if legacy_keys else [])

    def _credentials(self, lab: Lab) -> str:
        """Both ways of giving them: in a file of their own and inline."""
        text = f"{USER}\n{PASSWORD}\n"
        if self.udp:
            return f"auth-user-pass {lab.write('credentials', text)}"
        return f"<auth-user-pass>\n{text}</auth-user-pass>"

    @staticmethod
    def _verify_script(lab: Lab) -> Path:
        accepted = lab.write("accepted", f"{USER}\n{PASSWORD}\n")
        return lab.write("verify", f'#!/bin/sh\nexec cmp -s "$1" {accepted}\n', mode=0o700)


def _inline(tag: str, pki: Pki, file: str) -> str:
    return f"<{tag}>\n{pki.text(file).rstrip()}\n</{tag}>"
