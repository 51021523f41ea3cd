"""Reads a server's status file (version 2): the clients it knows right now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ConnectedClient:
    common_name: str
    real_address: str
    virtual_address: str
    virtual_v6: str
    cipher: str


def connected_clients(status_file: Path) -> list[ConnectedClient]:
    """Only rows whose peer has its tunnel address count: before that the peer is not connected yet."""
    try:
        lines = status_file.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    columns: list[str] = []
    clients = []
    for fields in (line.split(",") for line in lines):
        if fields[:2] == ["HEADER", "CLIENT_LIST"]:
            columns = fields[2:]
        elif fields[0] == "CLIENT_LIST" and len(fields) == len(columns) + 1:
            row = dict(zip(columns, fields[1:]))
            if row["Virtual Address"]:
                clients.append(ConnectedClient(row["Common Name"], row["Real Address"], row["Virtual Address"],
                                               row["Virtual IPv6 Address"], row["Data Channel Cipher"]))
    return clients
