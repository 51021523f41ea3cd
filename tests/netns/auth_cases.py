"""User names, passwords, and what comes in their place: tokens and challenges."""

from __future__ import annotations

from pathlib import Path

from star import CaseList, Star, check_connected
from support.errors import check
from support.netns import run
from support.process import wait_until
from support.programs import Program

case = CaseList()


@case
def a_token_counts_instead_of_a_password_that_is_used_up(star: Star) -> None:
    star.start_server(*_one_time_password(star), "auth-gen-token 0 20", "reneg-sec 6", "hand-window 3")
    client = star.connect_client(1, _credentials(star))
    star.server.wait_for(star.server_program.keys_agreed, 30, count=3)
    check_connected(client)
    check(_questions(star) == 1, f"the script was asked {_questions(star)} times")


@case
def tokens_survive_a_restart_of_the_server(star: Star) -> None:
    _connect_again_to(star, star.server_program)


@case
def tokens_of_one_program_count_with_the_other(star: Star) -> None:
    _connect_again_to(star, star.client_program)


@case
def an_expired_token_makes_the_client_show_its_password_again(star: Star) -> None:
    star.start_server(*_password_by_script(star, "true"), "auth-gen-token 4", "reneg-sec 6", "hand-window 3")
    client = star.connect_client(1, _credentials(star))
    client.wait_until_connected(times=2, timeout=40)
    check_connected(client)
    check(_questions(star) == 2, f"the script was asked {_questions(star)} times")


@case
def external_auth_asks_the_script_about_tokens_too(star: Star) -> None:
    star.start_server(*_password_by_script(star, "true"), "auth-gen-token 0 external-auth", "reneg-sec 6",
                      "hand-window 3")
    client = star.connect_client(1, _credentials(star))
    star.server.wait_for(star.server_program.keys_agreed, 30, count=2)
    states = star.lab.directory / "questions"
    wait_until(lambda: "Authenticated" in states.read_text(), 10, "the script's second call")
    check(states.read_text().split()[:2] == ["Initial", "Authenticated"], f"states are {states.read_text()}")
    check_connected(client)


@case
def a_static_challenge_is_asked_at_the_terminal(star: Star) -> None:
    star.start_server(*_password_by_script(star, 'test "$(tail -n 1 "$1")" = SCRV1:c2VjcmV0:MTIzNDU2'))
    _at_a_terminal(star, "CHALLENGE: PIN of the day", "123456")
    check_connected(star.connect_client(1, _credentials(star), 'static-challenge "PIN of the day" 1'))


@case
def a_dynamic_challenge_is_asked_at_the_terminal(star: Star) -> None:
    question = "CRV1:R,E:some-state:YWxpY2U=:PIN of the day"
    star.start_server(*_password_by_script(star, f"""
test "$(tail -n 1 "$1")" = CRV1::some-state::123456 && exit 0
printf '{question}' > "$auth_failed_reason_file"
exit 1"""))
    _at_a_terminal(star, "CHALLENGE: PIN of the day", "123456")
    check_connected(star.connect_client(1, _credentials(star), "auth-retry interact"))


@case
def a_challenge_ends_a_client_that_does_not_retry(star: Star) -> None:
    star.start_server(*_password_by_script(star, """printf 'CRV1:R:s:YWxpY2U=:PIN' > "$auth_failed_reason_file"; exit 1"""))
    client = star.start_client(1, _credentials(star))
    client.process.wait_for("AUTH_FAILED", 15)
    wait_until(lambda: not client.process.running, 10, "the client's end")


# Runs a program with a terminal of its own, on which each appearance of a prompt is answered.
_TERMINAL = """#!/usr/bin/env python3
import os, pty, signal, sys
child, terminal = pty.fork()
if child == 0:
    os.execv({program!r}, [{program!r}, *sys.argv[1:]])
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda received, _frame: os.kill(child, received))
seen = b""
while True:
    try:
        text = os.read(terminal, 4096)
    except OSError:
        break
    os.write(1, text)
    seen += text
    if {prompt!r} in seen:
        os.write(terminal, {answer!r})
        seen = b""
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def _at_a_terminal(star: Star, prompt: str, answer: str) -> None:
    """Clients are started at a terminal from now on, where somebody answers."""
    program = star.client_program
    text = _TERMINAL.format(program=program.path, prompt=prompt.encode(), answer=answer.encode() + b"\n")
    script = star.lab.write("terminal", text, mode=0o700)
    star.client_program = Program(program.name, str(script), program.workers)


def _connect_again_to(star: Star, second) -> None:
    """The server is killed, and `second` starts in its place."""
    secret = star.lab.directory / "token.key"
    run(star.server_program.path, "--genkey", "auth-token", str(secret))
    lines = (*_one_time_password(star), "auth-gen-token", f"auth-gen-token-secret {secret}", "keepalive 1 3")
    star.start_server(*lines)
    client = star.connect_client(1, _credentials(star))
    star.lab.stop(star.server)
    star.server_program = second
    star.start_server(*lines)
    client.wait_until_connected(times=2, timeout=40)
    check_connected(client)
    check(_questions(star) == 1, f"the script was asked {_questions(star)} times")


def _questions(star: Star) -> int:
    return len((star.lab.directory / "questions").read_text().split())


def _credentials(star: Star) -> str:
    return f"auth-user-pass {star.lab.write('credentials', 'alice{0}secret{0}'.format(chr(10)))}"


def _one_time_password(star: Star) -> tuple[str, ...]:
    """A password that is right at its first use only."""
    return _password_by_script(star, f"mkdir {star.lab.directory / 'used'}")


def _password_by_script(star: Star, test: str) -> tuple[str, ...]:
    """Each question leaves a word in the file `questions`."""
    questions: Path = star.lab.directory / "questions"
    script = star.lab.write("verify", f"#!/bin/sh\necho ${{session_state:-none}} >> {questions}\n{test}\n", mode=0o700)
    return "script-security 2", f"auth-user-pass-verify {script} via-file"
