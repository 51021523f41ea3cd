"""The management interface, of a server and of a client, with the program under test on either side."""

from __future__ import annotations

import base64
import re
import signal
import socket
import subprocess
from pathlib import Path

from option_cases import start_proxy
from star import CaseList, Star, check_connected
from support.console import Console
from support.errors import check
from support.process import wait_until
from support.runner import Skipped
from support.tunnel import TunnelOptions, start_server

case = CaseList()  # of a server
client_case = CaseList()  # of a client
both_case = CaseList()  # of both, or one after the other

# OpenVPN leaves out GET_CONFIG where the server pushes before it is asked.
STATES = ["WAIT", "AUTH", "GET_CONFIG", "ASSIGN_IP", "CONNECTED"]


def _socket(star: Star, name: str = "server") -> Path:
    return star.lab.directory / f"{name}.sock"


def _management(star: Star, name: str = "server") -> str:
    return f"management {_socket(star, name)} unix"


def _console(star: Star, name: str = "server") -> Console:
    console = Console(_socket(star, name))
    console.wait_for(">INFO:")
    return console


def _credentials(star: Star) -> str:
    return f"auth-user-pass {star.lab.write('credentials', 'alice{0}secret{0}'.format(chr(10)))}"


# ---- a server ----


@case
def a_management_client_decides_about_clients(star: Star) -> None:
    star.start_server(_management(star), "management-client-auth")
    console = _console(star)
    client = star.start_client(1, _credentials(star), "auth-retry nointeract")
    cid, kid = re.findall(r"\d+", console.wait_for(r">CLIENT:CONNECT,\d+,\d+"))
    environment = _environment(console)
    for variable in ("common_name=client", "username=alice", "password=secret"):
        check(variable in environment, f"{variable} is not in {environment}")
    check(not client.connected, "it got in before the verdict")
    console.send(f"client-auth {cid} {kid}")
    console.send('push "route 198.51.100.0 255.255.255.0"')
    check(console.ask("END") == ["SUCCESS: client-auth command succeeded"], "the verdict was not taken")
    console.wait_for(f">CLIENT:ADDRESS,{cid},10.8.0.2,1")
    console.wait_for(f">CLIENT:ESTABLISHED,{cid}")
    client.wait_until_connected()
    check("198.51.100.0/24" in client.namespace.ip("route"), "the route of the verdict was not pushed")
    check_connected(client)
    check(console.ask("kill client") == ["SUCCESS: common name 'client' found, 1 client(s) killed"], "kill failed")
    console.wait_for(f">CLIENT:DISCONNECT,{cid}")
    check(any(line.startswith("bytes_received=") for line in _environment(console)), "no byte counts at the end")


@case
def a_refusal_of_a_management_client_says_why(star: Star) -> None:
    star.start_server(_management(star), "management-client-auth")
    console = _console(star)
    client = star.start_client(1, _credentials(star))
    cid, kid = re.findall(r"\d+", console.wait_for(r">CLIENT:CONNECT,\d+,\d+"))
    check(console.ask(f'client-deny {cid} {int(kid) + 1} "x"') == ["ERROR: client-deny command failed"], "a wrong KID")
    answer = console.ask(f'client-deny {cid} {kid} "of no use" "come back tomorrow"')
    check(answer == ["SUCCESS: client-deny command succeeded"], f"{answer}")
    client.process.wait_for("AUTH_FAILED.*come back tomorrow", 10)
    wait_until(lambda: not client.process.running, 10, "the client's end")


@case
def renewals_are_asked_about_too(star: Star) -> None:
    star.start_server(_management(star), "management-client-auth", "reneg-sec 6")
    console = _console(star)
    client = star.start_client(1, _credentials(star))
    cid, kid = re.findall(r"\d+", console.wait_for(r">CLIENT:CONNECT,\d+,\d+"))
    console.ask(f"client-auth-nt {cid} {kid}")
    client.wait_until_connected()
    again, second = re.findall(r"\d+", console.wait_for(r">CLIENT:REAUTH,\d+,\d+", 30))
    check(again == cid and second != kid, f"CID {again} after {cid}, KID {second} after {kid}")
    console.ask(f"client-auth-nt {cid} {second}")
    check_connected(client)


@case
def a_server_tells_its_states_statistics_and_log(star: Star) -> None:
    star.start_server(_management(star))
    console = _console(star)
    names = [line.split(",")[1] for line in console.ask("state all")[:-1]]
    check(names == ["CONNECTING", "ASSIGN_IP", "CONNECTED"], f"states are {names}")
    console.ask("bytecount 1")
    client = star.connect_client(1)
    check_connected(client)
    check(console.ask("load-stats")[0].startswith("SUCCESS: nclients=1,bytesin="), "load-stats")
    for version, row in ((1, "client,"), (2, "CLIENT_LIST,client,"), (3, "CLIENT_LIST\tclient\t")):
        check(any(line.startswith(row) for line in console.ask(f"status {version}")), f"no row in status {version}")
    console.wait_for(r">BYTECOUNT_CLI:\d+,[1-9]\d*,[1-9]\d*")
    check(console.ask("log on")[0].startswith("SUCCESS"), "log on")
    star.server.send_signal(signal.SIGUSR2)
    console.wait_for(r">LOG:\d+,I,.*client,")
    star.server.wait_for("client,192", 5)


@case
def client_kill_ends_one_connection(star: Star) -> None:
    star.start_server(_management(star))
    console = _console(star)
    client = star.connect_client(1)
    rows = [line.split(",") for line in console.ask("status 2") if line.startswith("CLIENT_LIST,client")]
    check(len(rows) == 1, f"rows are {rows}")
    check(console.ask(f"client-kill {rows[0][10]}") == ["SUCCESS: client-kill command succeeded"], "client-kill")
    client.wait_until_connected(times=2, timeout=30)  # RESTART makes it come back at once
    check_connected(client)


@case
def a_challenge_is_passed_on_and_answered(star: Star) -> None:
    star.start_server(_management(star), "management-client-auth")
    console = _console(star)
    client = star.start_client(1, _credentials(star), _management(star, "client"))
    own = _console(star, "client")
    cid, kid = re.findall(r"\d+", console.wait_for(r">CLIENT:CONNECT,\d+,\d+"))
    own.ask("state on")
    answer = console.ask(f"client-pending-auth {cid} {kid} CR_TEXT:R,E:PIN 60")
    check(answer == ["SUCCESS: client-pending-auth command succeeded"], f"{answer}")
    own.wait_for(">INFOMSG:CR_TEXT:R,E:PIN")
    check(own.ask("cr-response MTIzNDU2") == ["SUCCESS: command succeeded"], "cr-response")
    console.wait_for(rf">CLIENT:CR_RESPONSE,{cid},{kid},MTIzNDU2")
    console.ask(f"client-auth-nt {cid} {kid}")
    client.wait_until_connected()
    check_connected(client)


@case
def sigterm_right_after_a_client_left_ends_the_server(star: Star) -> None:
    star.start_server(_management(star), "management-client-auth")
    console = _console(star)
    client = star.start_client(1, _credentials(star))
    cid, kid = re.findall(r"\d+", console.wait_for(r">CLIENT:CONNECT,\d+,\d+"))
    console.ask(f"client-auth-nt {cid} {kid}")
    client.wait_until_connected()
    client.process.terminate()
    console.wait_for(f">CLIENT:DISCONNECT,{cid}", 30)
    star.server.terminate(timeout=5)


# ---- a client ----


@client_case
def a_client_waits_asks_and_tells_its_states(star: Star) -> None:
    star.start_server()
    client = star.start_client(1, _management(star, "client"), "management-hold", "management-query-passwords",
                               "management-query-remote", "auth-user-pass", 'static-challenge "Enter PIN" 1')
    console = _console(star, "client")
    console.wait_for(">HOLD:Waiting for hold release:0")
    console.ask("state on")
    console.ask("bytecount 1")
    check(not client.process.count("WAIT"), "it did not wait")
    console.ask("hold release")
    console.wait_for(">PASSWORD:Need 'Auth' username/password SC:1,Enter PIN")
    console.ask('username "Auth" alice')
    console.ask('password "Auth" "SCRV1:c2VjcmV0:MTIzNDU2"')
    console.wait_for(r">REMOTE:192\.0\.1\.1,1194,udp4")
    console.ask("remote ACCEPT")
    states: list[str] = []
    while "CONNECTED" not in states:
        states.append(console.wait_for(r">STATE:\d+,\w+,").split(",")[1])
    expected = [state for state in STATES if state in states or star.client_program.is_vpnd]
    check(states == expected, f"states are {states}")
    client.wait_until_connected()
    check_connected(client)
    connected = console.ask("state")[0].split(",")
    check(connected[2:6] == ["SUCCESS", client.v4, "192.0.1.1", "1194"], f"{connected}")
    console.wait_for(r">BYTECOUNT:[1-9]\d*,[1-9]\d*")
    check(console.ask("status")[0] == "OpenVPN STATISTICS", "status")
    check(console.ask("remote-entry-get all") == ["0,192.0.1.1,1194,udp4,enabled", "END"], "remote-entry-get")
    console.ask("hold off")
    check(console.ask("signal SIGUSR1") == ["SUCCESS: signal SIGUSR1 thrown"], "signal")
    console.wait_for(r">STATE:\d+,RECONNECTING,SIGUSR1,")
    console.wait_for(">REMOTE:")
    console.ask("remote ACCEPT")
    client.wait_until_connected(times=2)
    console.ask("signal SIGTERM")
    console.wait_for(r">STATE:\d+,EXITING,")
    check(client.process.wait(10) == 0, "the exit status is not 0")


@client_case
def a_management_client_stays_while_all_is_begun_anew(star: Star) -> None:
    star.start_server()
    client = star.start_client(1, _management(star, "client"), "management-hold")
    console = _console(star, "client")
    console.ask("state on")
    console.ask("hold release")
    console.wait_for(r">STATE:\d+,CONNECTED,SUCCESS")
    console.ask("signal SIGHUP")
    console.wait_for(r">STATE:\d+,RECONNECTING,SIGHUP")
    console.wait_for(">HOLD:Waiting for hold release")
    console.ask("hold release")
    console.wait_for(r">STATE:\d+,CONNECTED,SUCCESS")
    check_connected(client)
    # What it has asked for and what it could look up are still there.
    states = [line.split(",")[1] for line in console.ask("state all") if "," in line]
    check(states.count("CONNECTED") == 2, f"the states so far are {states}")
    console.ask("signal SIGTERM")
    wait_until(lambda: not client.process.running, 10, "the client's end")


@client_case
def the_state_of_a_connection_names_both_its_ends(star: Star) -> None:
    star.start_server(proto="tcp4")
    client = star.start_client(1, _management(star, "client"), proto="tcp4")
    console = _console(star, "client")
    client.wait_until_connected()
    state = console.ask("state")[0].split(",")
    check(state[1:7] == ["CONNECTED", "SUCCESS", client.v4, "192.0.1.1", "1194", "192.0.1.2"], f"the state is {state}")
    listing = client.namespace.run("ss", "-Htn", "src", f"192.0.1.2:{state[7]}")
    check("192.0.1.1:1194" in listing, f"there is no connection from port {state[7]}")


@client_case
def a_refused_password_is_told_and_asked_for_again(star: Star) -> None:
    accepted = star.lab.write("accepted", "alice\nsecret\n")
    script = star.lab.write("verify", f'#!/bin/sh\nexec cmp -s "$1" {accepted}\n', mode=0o700)
    star.start_server("script-security 2", f"auth-user-pass-verify {script} via-file")
    client = star.start_client(1, _management(star, "client"), "management-query-passwords", "auth-user-pass",
                               "auth-retry interact")
    console = _console(star, "client")
    for password in ("guess", "secret"):
        console.wait_for(">PASSWORD:Need 'Auth' username/password")
        console.ask("username Auth alice")
        console.ask(f"password Auth {password}")
        if password == "guess":
            console.wait_for(">PASSWORD:Verification Failed: 'Auth'")
    client.wait_until_connected()
    check_connected(client)


def _sign(star: Star, console: Console) -> None:
    """Answers one request for a signature as the keeper of the client's key."""
    asked = re.match(r">PK_SIGN:([\w+/=]+),ECDSA$", console.wait_for(">PK_SIGN:"))
    check(asked is not None, "the request is not the one for ECDSA")
    digest = star.lab.write("digest", "")
    digest.write_bytes(base64.b64decode(asked.group(1)))
    done = subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", star.pki.path("client.key"), "-in", digest],
                          check=True, capture_output=True)
    text = base64.b64encode(done.stdout).decode()
    for line in ("pk-sig", text[:64], text[64:]):
        console.send(line)
    answer = console.ask("END")
    check(answer == ["SUCCESS: pk-sign command succeeded"], f"the answer to the signature is {answer}")


@client_case
def a_management_client_keeps_the_key(star: Star) -> None:
    star.start_server()
    client = star.start_client(1, _management(star, "client"), "management-hold",
                               "management-external-key nopadding pkcs1", "reneg-sec 6", without=("key ", "reneg-sec"))
    console = _console(star, "client")
    console.send("version 3")
    console.ask("hold release")
    _sign(star, console)
    client.wait_until_connected()
    check_connected(client)
    _sign(star, console)  # renewal
    check_connected(client)


@client_case
def a_management_client_has_the_certificate_too(star: Star) -> None:
    star.start_server()
    client = star.start_client(1, _management(star, "client"), "management-external-key nopadding pkcs1",
                               "management-external-cert subject:client", without=("key ", "cert "))
    console = _console(star, "client")
    console.send("version 3")
    console.wait_for(">NEED-CERTIFICATE:subject:client")
    console.send("certificate")
    for line in star.pki.text("client.crt").splitlines():
        console.send(line)
    check(console.ask("END") == ["SUCCESS: certificate command succeeded"], "the certificate was not taken")
    _sign(star, console)
    client.wait_until_connected()
    check_connected(client)


@client_case
def another_remote_may_be_chosen(star: Star) -> None:
    star.start_server("port 1999")
    client = star.start_client(1, _management(star, "client"), "management-query-remote")
    console = _console(star, "client")
    console.wait_for(">REMOTE:")
    console.ask("remote MOD 192.0.1.1 1999")
    client.wait_until_connected()
    check_connected(client)


@client_case
def a_proxy_may_be_chosen(star: Star) -> None:
    star.start_server(proto="tcp4")
    proxy = start_proxy(star, "socks", 1080)
    client = star.start_client(1, _management(star, "client"), "management-query-proxy", proto="tcp4")
    console = _console(star, "client")
    console.wait_for(r">PROXY:1,TCP,192\.0\.1\.1")
    check(console.ask("proxy SOCKS 127.0.0.1 1080") == ["SUCCESS: proxy command succeeded"], "proxy")
    client.wait_until_connected()
    check_connected(client)
    check(proxy.count("carrying") == 1, "the connection went beside the proxy")


@client_case
def the_tunnels_coming_and_going_is_told(star: Star) -> None:
    star.start_server()
    client = star.start_client(1, _management(star, "client"), "management-hold", "management-up-down")
    console = _console(star, "client")
    console.ask("hold release")
    console.wait_for(">UPDOWN:UP")
    environment = _environment(console, "UPDOWN")
    check("dev=tun0" in environment, f"dev is not in {environment}")
    client.wait_until_connected()
    console.ask("signal SIGTERM")
    console.wait_for(">UPDOWN:DOWN")


@client_case
def the_daemon_connects_to_its_management_client(star: Star) -> None:
    star.start_server()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with listener:
        listener.bind(str(_socket(star, "client")))
        listener.listen()
        client = star.start_client(1, _management(star, "client"), "management-client", "management-hold")
        console = Console.accepted(listener)
        console.wait_for(">INFO:")
        check(console.ask("hold release") == ["SUCCESS: hold release succeeded"], "hold release")
        client.wait_until_connected()
        check_connected(client)
        console.close()
        wait_until(lambda: not client.process.running, 15, "the end of the daemon with its management client")


@client_case
def pushed_echoes_and_tokens_are_told(star: Star) -> None:
    star.start_server('push "echo hello world"', 'push "auth-token a-token"')
    client = star.start_client(1, _management(star, "client"), "management-hold", _credentials(star))
    console = _console(star, "client")
    console.ask("echo on")
    console.ask("hold release")
    client.wait_until_connected()
    console.listen(1)
    for pattern in (r">ECHO:\d+,hello world", ">PASSWORD:Auth-Token:a-token"):
        check(any(re.match(pattern, notice) for notice in console.notices), f"no {pattern} in {console.notices}")


# ---- vpnd ----


@both_case
def both_programs_answer_alike(star: Star) -> None:
    """The same words to a server of either program."""
    _require_one_of_each(star)
    answers = {}
    for program in (star.server_program, star.client_program):
        star.server_program = program
        star.start_server(_management(star))
        answers[program.name] = _conversation(_console(star), SERVER_WORDS)
        star.server.terminate()
    _compare(answers, SERVER_WORDS)


@both_case
def both_programs_answer_alike_while_a_client_waits(star: Star) -> None:
    _require_one_of_each(star)
    answers = {}
    programs = {star.server_program.name: star.server_program, star.client_program.name: star.client_program}
    for name, program in programs.items():
        star.client_program = program
        client = star.start_client(1, _management(star, name), "management-hold")
        answers[name] = _conversation(_console(star, name), WAITING_WORDS)
        star.lab.stop(client.process)
    _compare(answers, WAITING_WORDS)


SERVER_WORDS = [
    "hold", "hold on", "hold off", "hold x", "hold release", "pid", "net", "kill", "kill x", "kill 1.2.3.4:5",
    "kill 1.2.3.4:99999", "kill foo:3", "load-stats", "status", "status 1", "status 2", "status 3", "status 9", "status x",
    "mute", "mute 10", "mute", "mute -1", "verb", "verb 4", "verb 20", "verb", "username Auth a", "password Auth b",
    "needok a ok", "needstr a b", "forget-passwords", "client-auth-nt 0 0", "client-auth x 0", "client-auth 0 x",
    "client-auth 1", "client-deny 0 0 x", "client-deny 0 0", "client-kill 0", "client-kill x", "client-kill",
    "client-pending-auth 0 0 x 3", "client-pending-auth 0 0 x y", "client-pending-auth 0 0 x", "remote ACCEPT",
    "remote", "proxy NONE", "proxy", "rsa-sig", "pk-sig", "certificate", "remote-entry-count", "remote-entry-get 0",
    "nclients", "state", "state all", "state on", "state off", "state 0", "state x", "log", "log x", "echo", "echo all",
    "echo on", "bytecount", "bytecount 0", "env-filter", "env-filter 2", "signal", "signal SIGFOO", "foo", "auth-retry",
    "version", "help"]
WAITING_WORDS = [
    "hold", "hold off", "hold on", "state", "state all", "mute", "verb", "auth-retry", "auth-retry interact",
    "auth-retry", "username Auth a", "password Auth b", "echo all", "env-filter", "signal SIGFOO", "foo",
    "kill x", "client-auth-nt 0 0", "client-deny 0 0 x", "client-kill 0", "nclients", "load-stats"]

# What differs by intent: the name of the program, and commands that only one of them has.
_OWN = re.compile(r"OpenVPN Version: .*|Management Interface for .*|pkcs11-.*|push-update-.*")


def _conversation(console: Console, words: list[str]) -> list[list[str]]:
    return [[_shape(line) for line in console.ask(word) if not _OWN.fullmatch(line)] for word in words]


def _shape(line: str) -> str:
    line = re.sub(r"TITLE([,\t]).*", r"TITLE\1", line)
    line = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", line)
    return re.sub(r"\d{3,}", "N", line)


def _compare(answers: dict[str, list[list[str]]], words: list[str]) -> None:
    (first, ones), (second, others) = answers.items()
    differences = [f"{word}: {first} {one}, {second} {other}"
                   for word, one, other in zip(words, ones, others, strict=True) if one != other]
    check(not differences, "\n".join(differences))


@both_case
def several_clients_talk_at_once_and_a_slow_one_is_dropped(star: Star) -> None:
    _require_vpnd(star, "OpenVPN talks to one client at a time")
    if not star.server_program.is_vpnd:
        star.server_program, star.client_program = star.client_program, star.server_program
    password = star.lab.write("password", "open sesame\n")
    star.start_server(f"{_management(star)} {password}", "verb 4")
    consoles = []
    for _ in range(3):
        console = Console(_socket(star))
        console.send("open sesame")
        console.wait_for(">INFO:")
        consoles.append(console)
    slow, quick, third = consoles
    slow.send("test 500000")
    for _ in range(20):
        check(quick.ask("pid")[0].startswith("SUCCESS: pid="), "no answer beside a slow one")
    star.server.wait_for("does not read what it is sent", 10)
    third.send("quit")
    third.listen(5)
    check(third.closed, "quit does not end the connection")
    wrong = Console(_socket(star))
    for _ in range(3):
        wrong.send("open please")
    wrong.listen(5)
    check(wrong.closed, "three wrong passwords do not end the connection")
    check_connected(star.connect_client(1))


@both_case
def another_user_may_not_talk_over_the_unix_socket(star: Star) -> None:
    star.start_server(_management(star), "management-client-user nobody")
    console = Console(_socket(star))
    console.listen(5)
    check(console.closed and not console.notices, f"root was let in as nobody: {console.notices}")


@both_case
def management_works_over_tcp_and_answers_a_held_server(star: Star) -> None:
    lines = ("management 127.0.0.1 7505", "management-hold")
    options = TunnelOptions(server=list(lines))
    star.server = start_server(star.lab, star.pki, star.server_program, star.server_namespace, None, options)
    script = star.lab.write("talk.py", """import socket, time
for attempt in range(50):
    try:
        talk = socket.create_connection(("127.0.0.1", 7505))
        break
    except OSError:
        time.sleep(0.1)
talk.settimeout(5)
seen = b""
while b">HOLD:Waiting for hold release:0" not in seen:
    seen += talk.recv(4096)
talk.sendall(b"hold release\\r\\n")
while b"SUCCESS: hold release succeeded" not in seen:
    seen += talk.recv(4096)
time.sleep(2)
""")
    star.server_namespace.run("python3", str(script))
    check_connected(star.connect_client(1))


@both_case
def an_update_is_pushed_to_one_client(star: Star) -> None:
    _require_vpnd(star, "OpenVPN 2.6 has no PUSH_UPDATE")
    if not (star.server_program.is_vpnd and star.client_program.is_vpnd):
        star.client_program = star.server_program if star.server_program.is_vpnd else star.client_program
        star.server_program = star.client_program
    star.start_server(_management(star))
    client = star.connect_client(1)
    console = _console(star)
    check(console.ask('push-update-cid 99 "route 198.51.100.0 255.255.255.0"')[0].startswith("ERROR"), "CID 99")
    check(console.ask('push-update-cid 0 "route 198.51.100.0 255.255.255.0"')
          == ["SUCCESS: push-update-cid command succeeded"], "push-update-cid")
    wait_until(lambda: "198.51.100.0/24" in client.namespace.ip("route"), 10, "the route of the update")
    console.ask('push-update-broad "-route"')
    wait_until(lambda: "198.51.100.0/24" not in client.namespace.ip("route"), 10, "the end of the route")
    check_connected(client)


def _require_one_of_each(star: Star) -> None:
    if star.server_program.is_vpnd == star.client_program.is_vpnd:
        raise Skipped("needs one of each")


def _require_vpnd(star: Star, otherwise: str) -> None:
    if not (star.server_program.is_vpnd or star.client_program.is_vpnd):
        raise Skipped(otherwise)


def _environment(console: Console, source: str = "CLIENT") -> list[str]:
    """The variables that follow a message, up to their end."""
    variables = []
    while (line := console.wait_for(f">{source}:ENV,")) != f">{source}:ENV,END":
        variables.append(line.removeprefix(f">{source}:ENV,"))
    return variables
