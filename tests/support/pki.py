"""A throw-away PKI: a CA, certificates, a CRL with one revoked client, and the keys that wrap the control channel."""

from __future__ import annotations

import secrets
from pathlib import Path

from .netns import run

_CA_CONFIG = """\
[ca]
default_ca = throw_away
[throw_away]
database = {directory}/index.txt
crlnumber = {directory}/crlnumber
default_md = sha256
default_crl_days = 30
unique_subject = no
"""


NEW_KEY = {"ec": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), "rsa": ("-newkey", "rsa:2048")}


class Pki:
    """Files made by the openssl command line in one directory; path(name) is one of them."""

    def __init__(self, directory: Path, algorithm: str = "ec") -> None:
        self.directory = directory
        self._new_key = NEW_KEY[algorithm]
        directory.mkdir(parents=True, exist_ok=True)
        self._make_ca()
        self.issue("server", "serverAuth")
        for name in ("client", "client2", "revoked"):
            self.issue(name, "clientAuth")
        self._make_crl()
        for name in ("tls-auth", "tls-crypt"):
            key = directory / f"{name}.key"
            key.touch(mode=0o600)
            key.write_text(static_key())

    def path(self, name: str) -> Path:
        return self.directory / name

    def text(self, name: str) -> str:
        return self.path(name).read_text()

    def issue(self, name: str, usage: str) -> None:
        """Makes NAME.key and NAME.crt; the common name is NAME."""
        key, request, certificate = (str(self.path(name + end)) for end in (".key", ".csr", ".crt"))
        run("openssl", "req", "-new", *self._new_key, "-nodes",
            "-subj", f"/CN={name}", "-keyout", key, "-out", request,
            "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature",
            "-addext", f"extendedKeyUsage={usage}", "-addext", f"subjectAltName=DNS:{name}.example")
        run("openssl", "x509", "-req", "-in", request, "-days", "30", "-copy_extensions", "copy", "-CAcreateserial",
            "-CA", str(self.path("ca.crt")), "-CAkey", str(self.path("ca.key")), "-out", certificate)

    def make_tls_crypt_v2_keys(self, openvpn: str = "openvpn") -> None:
        """Makes tls-crypt-v2-server.key and tls-crypt-v2-client.key with the `--genkey` of the given program."""
        server, client = self.path("tls-crypt-v2-server.key"), self.path("tls-crypt-v2-client.key")
        run(openvpn, "--genkey", "tls-crypt-v2-server", str(server))
        run(openvpn, "--tls-crypt-v2", str(server), "--genkey", "tls-crypt-v2-client", str(client))

    def _make_ca(self) -> None:
        run("openssl", "req", "-x509", *self._new_key, "-nodes",
            "-days", "30", "-subj", "/CN=Throw-away CA", "-keyout", str(self.path("ca.key")),
            "-out", str(self.path("ca.crt")), "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def _make_crl(self) -> None:
        self.path("index.txt").touch()
        self.path("crlnumber").write_text("01\n")
        config = self.path("ca.cnf")
        config.write_text(_CA_CONFIG.format(directory=self.directory))
        ca = ("openssl", "ca", "-config", str(config), "-cert", str(self.path("ca.crt")),
              "-keyfile", str(self.path("ca.key")))
        run(*ca, "-revoke", str(self.path("revoked.crt")))
        run(*ca, "-gencrl", "-out", str(self.path("crl.pem")))


def static_key() -> str:
    """A fresh 2048-bit static key in the text form that tls-auth and tls-crypt read."""
    digits = secrets.token_hex(256)
    lines = [digits[i:i + 32] for i in range(0, len(digits), 32)]
    return "\n".join(["-----BEGIN OpenVPN Static key V1-----", *lines, "-----END OpenVPN Static key V1-----", ""])
