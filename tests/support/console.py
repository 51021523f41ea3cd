"""A client of the management interface, for tests. It speaks over unix sockets, which no namespace hides."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

from .errors import CheckFailed
from .process import wait_until

_LAST = re.compile(r"(SUCCESS|ERROR): |END$")


class Console:
    def __init__(self, path: Path) -> None:
        wait_until(path.is_socket, 15, f"the socket {path}")
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(path))
        self._begin(connection)

    @classmethod
    def accepted(cls, listener: socket.socket, timeout: float = 15) -> Console:
        """Of a daemon that connects by itself."""
        listener.settimeout(timeout)
        console = cls.__new__(cls)
        console._begin(listener.accept()[0])
        return console

    def _begin(self, connection: socket.socket) -> None:
        self._socket = connection
        self._rest = ""
        self.notices: list[str] = []  # real-time messages, as they came
        self.closed = False

    def close(self) -> None:
        self._socket.close()

    def send(self, line: str) -> None:
        self._socket.sendall(line.encode() + b"\r\n")

    def ask(self, line: str, timeout: float = 10) -> list[str]:
        """The lines of the answer; real-time messages that come between go to `notices`."""
        self.send(line)
        answer: list[str] = []
        deadline = time.monotonic() + timeout
        while not (answer and _LAST.match(answer[-1])):
            found = self._line(deadline)
            if found is None:
                raise CheckFailed(f"no answer to {line!r}, but {answer}")
            (self.notices if found.startswith(">") else answer).append(found)
        return answer

    def wait_for(self, pattern: str, timeout: float = 20) -> str:
        """The first real-time message that matches, and takes it and those before it off `notices`."""
        deadline = time.monotonic() + timeout
        while True:
            for index, notice in enumerate(self.notices):
                if re.search(pattern, notice):
                    del self.notices[: index + 1]
                    return notice
            found = self._line(deadline)
            if found is None:
                raise CheckFailed(f"no {pattern!r} among {self.notices}")
            self.notices.append(found)

    def listen(self, seconds: float) -> list[str]:
        """All that comes within this time, or until the other end closes."""
        deadline = time.monotonic() + seconds
        while (found := self._line(deadline)) is not None:
            self.notices.append(found)
        return self.notices

    def _line(self, deadline: float) -> str | None:
        while "\r\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or self.closed:
                return None
            self._socket.settimeout(left)
            try:
                received = self._socket.recv(65536)
            except (TimeoutError, ConnectionError) as error:
                self.closed = isinstance(error, ConnectionError)
                return None
            self.closed = not received
            self._rest += received.decode()
        line, self._rest = self._rest.split("\r\n", 1)
        return line
