"""Programs that are called at the moments of a tunnel's life. Each function is a case; its name is the sentence it proves.

The hook of these cases is one script that writes down how it was called: a file per call in `calls`, named by the number of
the call, with its arguments and its environment. So the same case holds vpnd and OpenVPN against each other.
"""

from __future__ import annotations

import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from star import SERVER_V4, CaseList, Star, check_connected, check_silence, check_stays_out, with_mounts
from support.errors import check
from support.machine import Machine
from support.process import wait_until
from support.programs import Program
from support.runner import Skipped
from support.traffic import ping

client_case = CaseList()
server_case = CaseList()
comparison_case = CaseList()  # those that play both programs themselves

# What a shell adds, and what is fixed by whoever starts the program.
_OF_THE_SHELL = {"PWD", "PATH", "OLDPWD", "SHLVL", "_"}


@dataclass
class Call:
    kind: str
    arguments: list[str]
    environment: dict[str, str]


class Hook:
    """A script to be named in a configuration, and what it was called with so far."""

    def __init__(self, star: Star, name: str, body: str = "") -> None:
        self._calls = star.lab.directory / f"calls-{name}"
        self._calls.mkdir()
        self._calls.chmod(0o777)
        self.path = star.lab.write(name, f"""#!/bin/sh
file=$(mktemp {self._calls}/.XXXXXX)
{{ printf '%s\\0' "$#" "$@"; exec 3>&1; env -0 >&3; }} > "$file"
mv "$file" {self._calls}/$(date +%s%N)
{body}
""", mode=0o755)

    def calls(self, kind: str = "") -> list[Call]:
        found = []
        for file in sorted(self._calls.glob("[0-9]*")):
            words = file.read_bytes().decode(errors="replace").split("\0")[:-1]
            count = int(words[0])
            environment = dict(word.split("=", 1) for word in words[1 + count:])
            found.append(Call(environment.get("script_type", ""), words[1:1 + count], environment))
        return [call for call in found if kind in ("", call.kind)]

    def kinds(self) -> list[str]:
        return [call.kind for call in self.calls()]

    def wait_for(self, kind: str, count: int = 1) -> Call:
        wait_until(lambda: len(self.calls(kind)) >= count, 15, f"call {count} of {kind}")
        return self.calls(kind)[count - 1]

    def lines(self, *directives: str) -> list[str]:
        return ["script-security 2", *(f"{directive} {self.path}" for directive in directives)]


_TUNNEL_HOOKS = ("up", "route-up", "route-pre-down", "down", "ipchange")


@client_case
def hooks_of_the_tunnel_are_called_in_order_with_their_arguments(star: Star) -> None:
    hook = Hook(star, "hook")
    star.start_server('push "route 10.99.0.0 255.255.255.0"')
    client = star.connect_client(1, *hook.lines(*_TUNNEL_HOOKS))
    check_connected(client)
    hook.wait_for("route-up")
    check(hook.kinds() == ["ipchange", "up", "route-up"], f"called so far: {hook.kinds()}")
    check(hook.calls("up")[0].arguments == ["tun0", "1500", "0", client.v4, "255.255.255.0", "init"],
          f"up was called with {hook.calls('up')[0].arguments}")
    address = hook.calls("ipchange")[0].arguments
    check(address == ["[AF_INET]192.0.1.1 1194"], f"ipchange was called with {address}")
    client.process.terminate()
    check(hook.kinds()[3:] == ["route-pre-down", "down"], f"called at the end: {hook.kinds()[3:]}")
    check(hook.calls("down")[0].environment["signal"] == "exit-with-notification", "down has another signal")


@client_case
def down_is_told_that_the_server_refused_the_password(star: Star) -> None:
    hook = Hook(star, "hook")
    refuse = star.lab.directory / "refuse"
    script = star.lab.write("verify", f"#!/bin/sh\nexec test ! -e {refuse}\n", mode=0o755)
    star.start_server("script-security 2", f"auth-user-pass-verify {script} via-file", "reneg-sec 6")
    login = star.lab.write("login", "alice\nsecret\n")
    # OpenVPN would leave with a notice, and call it that.
    client = star.connect_client(1, f"auth-user-pass {login}", *hook.lines("down"), without=("explicit-exit-notify",))
    refuse.touch()  # when keys are renewed
    wait_until(lambda: not client.process.running, 30, "the client's end")
    word = hook.wait_for("down").environment["signal"]
    check(word == "auth-failure", f"down was told {word}")


@client_case
def down_is_told_what_has_ended_the_client(star: Star) -> None:
    star.start_server()
    ends = (("sigint", (), signal.SIGINT), ("sighup", (), signal.SIGHUP), ("inactive", ("inactive 2",), None),
            ("session-timeout", ("session-timeout 3",), None))
    told = []
    for spoke, (word, lines, number) in enumerate(ends, 1):
        hook = Hook(star, word)
        client = star.connect_client(spoke, *lines, *hook.lines("down"), without=("explicit-exit-notify",))
        if number is not None:
            client.process.send_signal(number)
        told.append((hook, word))
    for hook, word in told:
        found = hook.wait_for("down").environment["signal"]
        check(found == word, f"down was told {found}, not {word}")


@client_case
def up_delay_lets_up_wait_for_the_server(star: Star) -> None:
    hook = Hook(star, "hook")
    client = star.start_client(1, *hook.lines("up"), "up-delay")
    client.process.wait_for("UDP(v4)? link remote", 10)
    check(hook.kinds() == [], "up was called before there was a server")
    star.start_server()
    client.wait_until_connected()
    check(hook.kinds() == ["up"], f"called: {hook.kinds()}")
    check_connected(client)


@client_case
def a_failing_up_ends_the_client_and_names_the_program(star: Star) -> None:
    hook = Hook(star, "hook", "exit 3")
    star.start_server()
    client = star.start_client(1, *hook.lines("up"))
    wait_until(lambda: not client.process.running, 15, "the client's end")
    check(client.process.terminate() != 0, "its exit status is 0")
    check(not client.connected, "it went on")
    if star.client_program.is_vpnd:
        check(f"up: {hook.path} exited with status 3" in client.process.text(), "the log does not say why")


@client_case
def a_failing_route_up_is_only_warned_of(star: Star) -> None:
    hook = Hook(star, "hook", "exit 3")
    star.start_server()
    client = star.connect_client(1, *hook.lines("route-up"))
    check_connected(client)
    if star.client_program.is_vpnd:
        check(client.process.count("route-up: .* exited with status 3") == 1, "not one line of it in the log")


@client_case
def up_restart_calls_down_and_up_at_a_reconnect_that_keeps_the_device(star: Star) -> None:
    hook = Hook(star, "hook")
    star.start_server()
    client = star.connect_client(1, *hook.lines("up", "down"), "persist-tun", "up-restart")
    client.process.send_signal(signal.SIGUSR1)
    client.wait_until_connected(times=2)
    hook.wait_for("up", 2)
    check(hook.kinds() == ["up", "down", "up"], f"called: {hook.kinds()}")
    check([call.arguments[-1] for call in hook.calls()] == ["init", "restart", "restart"], "not restart")
    check(hook.calls("down")[0].environment["signal"] == "sigusr1", "down has another signal")
    check_connected(client)


@client_case
def without_up_restart_a_device_that_is_kept_has_no_hooks(star: Star) -> None:
    hook = Hook(star, "hook")
    star.start_server()
    client = star.connect_client(1, *hook.lines("up", "down"), "persist-tun")
    client.process.send_signal(signal.SIGUSR1)
    client.wait_until_connected(times=2)
    check_connected(client)
    check(hook.kinds() == ["up"], f"called: {hook.kinds()}")


@client_case
def down_pre_is_called_while_the_device_has_its_address(star: Star) -> None:
    for spoke, (words, expected) in enumerate(((["down-pre"], True), ([], False)), 1):
        hook = Hook(star, f"hook-{spoke}", "ip -4 address show dev tun0 > $0.seen 2>&1; exit 0")
        if spoke == 1:
            star.start_server("duplicate-cn")
        client = star.connect_client(spoke, *hook.lines("down"), *words)
        client.process.terminate()
        hook.wait_for("down")
        seen = "10.8.0." in Path(f"{hook.path}.seen").read_text()
        check(seen == expected, f"with {words or 'nothing'} the address was {'there' if seen else 'gone'}")


@client_case
def a_slow_hook_keeps_nobody_waiting(star: Star) -> None:
    if not star.client_program.is_vpnd:
        raise Skipped("OpenVPN does nothing while a script runs")
    hook = Hook(star, "hook", "sleep 6")
    star.start_server("keepalive 1 3", without=("keepalive ",))
    client = star.start_client(1, *hook.lines("up"))
    hook.wait_for("up")
    star.wait_for_clients(1)
    client.wait_until_connected()
    check(star.server.count("Inactivity timeout") == 0, "the server heard nothing of its client meanwhile")
    check_connected(client)


@client_case
def tls_verify_on_a_client_is_asked_from_the_root_down(star: Star) -> None:
    hook = Hook(star, "hook")
    star.start_server()
    client = star.connect_client(1, *hook.lines("tls-verify"))
    check_connected(client)
    depths = [call.arguments[0] for call in hook.calls("tls-verify")]
    check(depths == ["1", "0"], f"asked about the depths {depths}")
    check(hook.calls()[1].arguments[1] == "CN=server", f"the subject is {hook.calls()[1].arguments[1]}")


@client_case
def tls_verify_on_a_client_may_refuse_the_server(star: Star) -> None:
    hook = Hook(star, "hook", '[ "$1" != 0 ]')
    star.start_server()
    client = star.start_client(1, *hook.lines("tls-verify"))
    check_stays_out(client)
    if star.client_program.is_vpnd:
        check("tls-verify: " in client.process.text(), "the log does not say why")


_CLIENT_HOOKS = ("client-connect", "client-disconnect", "learn-address")


@server_case
def client_hooks_are_called_in_order_with_their_arguments(star: Star) -> None:
    hook = Hook(star, "hook")
    star.start_server(*hook.lines("tls-verify", *_CLIENT_HOOKS))
    client = star.connect_client(1)
    check_connected(client)
    hook.wait_for("learn-address", 2)
    check(hook.kinds() == ["tls-verify", "tls-verify", "client-connect", "learn-address", "learn-address"],
          f"called so far: {hook.kinds()}")
    learnt = [call.arguments for call in hook.calls("learn-address")]
    check(learnt == [["add", client.v4, "client"], ["add", client.v6, "client"]], f"learnt: {learnt}")
    client.process.terminate()
    gone = hook.wait_for("client-disconnect").environment
    check(int(gone["bytes_received"]) > 0 and int(gone["bytes_sent"]) > 0, "no traffic was counted")
    check(int(gone["time_duration"]) < 60 and gone["common_name"] == "client", f"wrong: {gone}")
    star.server.terminate()
    check(any(call.arguments == ["delete", "10.8.0.2"] for call in hook.calls("learn-address")), "no delete")


@server_case
def client_connect_gives_a_client_what_it_writes(star: Star) -> None:
    hook = Hook(star, "hook", """printf 'ifconfig-push 10.8.0.77 255.255.255.0\npush "route 10.99.0.0 255.255.0.0"\n' > "$1"
printf 'iroute 10.55.0.0 255.255.255.0\n' >> "$1"
""")
    star.start_server(*hook.lines("client-connect"), "route 10.55.0.0 255.255.255.0")
    client = star.connect_client(1)
    check(client.v4 == "10.8.0.77", f"the client's address is {client.v4}")
    check("10.99.0.0/16" in client.namespace.ip("route"), "the pushed route is missing")
    client.namespace.ip("address", "add", "10.55.0.1/32", "dev", "lo")
    ping(star.server_namespace, "10.55.0.1")


@server_case
def client_connect_keeps_out_whom_it_refuses(star: Star) -> None:
    hook = Hook(star, "hook", '[ "$common_name" = client2 ]')
    star.start_server(*hook.lines("client-connect", "client-disconnect"))
    refused = star.start_client(1)
    refused.process.wait_for("AUTH_FAILED", 15)
    check(not refused.connected, "it got in")
    check_connected(star.connect_client(2, certificate="client2"))
    if star.server_program.is_vpnd:  # OpenVPN calls it, against its manual
        check(not hook.calls("client-disconnect"), "client-disconnect was called for the one that never was in")


@server_case
def client_connect_may_put_its_answer_off(star: Star) -> None:
    hook = Hook(star, "hook", """f=$client_connect_deferred_file
printf 2 > "$f"
(sleep 3; printf 'push "route 10.99.0.0 255.255.0.0"' > "$client_connect_config_file"; printf 1 > "$f") > /dev/null 2>&1 &
""")
    star.start_server(*hook.lines("client-connect"))
    client = star.start_client(1)
    hook.wait_for("client-connect")
    check(not client.connected, "it got in before the answer")
    client.wait_until_connected()
    check("10.99.0.0/16" in client.namespace.ip("route"), "what was written later is missing")
    check_connected(client)


@server_case
def an_address_that_learn_address_refuses_carries_nothing(star: Star) -> None:
    hook = Hook(star, "hook", '[ "$2" != 10.8.0.2 ]')
    star.start_server(*hook.lines("learn-address"))
    client = star.connect_client(1)
    check_silence(client.namespace, SERVER_V4)
    ping(client.namespace, "fd00:8::1")


@server_case
def tls_verify_may_refuse_a_client(star: Star) -> None:
    hook = Hook(star, "hook", '[ "$1" != 0 ] || [ "$X509_0_CN" = client2 ]')
    star.start_server(*hook.lines("tls-verify"))
    check_stays_out(star.start_client(1))
    check_connected(star.connect_client(2, certificate="client2"))


@server_case
def a_slow_hook_of_one_client_keeps_no_other_waiting(star: Star) -> None:
    if not star.server_program.is_vpnd:
        raise Skipped("OpenVPN does nothing while a script runs")
    go = star.lab.directory / "go"
    hook = Hook(star, "hook", f'[ "$common_name" != client ] || {_wait_for_file(go)}')
    star.start_server(*hook.lines("client-connect"))
    slow = star.start_client(1)
    hook.wait_for("client-connect")
    check_connected(star.connect_client(2, certificate="client2"))
    check(not slow.connected, "the hook was not waited for")
    go.touch()
    slow.wait_until_connected()
    check_connected(slow)


_PLUGIN = "/usr/lib/x86_64-linux-gnu/openvpn/plugins/openvpn-plugin-auth-pam.so"


@server_case
def pam_is_asked_by_the_line_of_openvpns_plugin(star: Star) -> None:
    _use_pam_service(star)
    star.start_server("verify-client-cert none", f"plugin {_PLUGIN} vpn-test")
    wrong = star.start_client(1, f"auth-user-pass {star.lab.write('wrong', 'alice{0}guess{0}'.format(chr(10)))}")
    wrong.process.wait_for("AUTH_FAILED", 15)
    check(not wrong.connected, "it got in")
    check_connected(star.connect_client(2, f"auth-user-pass {star.lab.write('right', 'alice{0}secret{0}'.format(chr(10)))}"))
    star.server.terminate()  # killed, OpenVPN leaves a process of its plugin behind


@server_case
def pam_keeps_its_privileges_when_the_daemon_gives_them_up(star: Star) -> None:
    _use_pam_service(star, "[ $(id -u) = 0 ] &&")
    star.start_server("verify-client-cert none", "user nobody", "group nogroup", "persist-key",
                      f'plugin {_PLUGIN} "vpn-test login USERNAME password PASSWORD"')
    check_connected(star.connect_client(1, f"auth-user-pass {star.lab.write('right', 'alice{0}secret{0}'.format(chr(10)))}"))
    star.server.terminate()  # killed, OpenVPN leaves a process of its plugin behind


@server_case
def a_slow_pam_module_keeps_no_other_client_waiting(star: Star) -> None:
    if not star.server_program.is_vpnd:
        raise Skipped("OpenVPN's plugin asks about one client at a time")
    go = star.lab.directory / "go"
    _use_pam_service(star, f'[ "$PAM_USER" = alice ] || {_wait_for_file(go)};')
    star.start_server("verify-client-cert none", "username-as-common-name", f"plugin {_PLUGIN} vpn-test")
    slow = star.start_client(1, f"auth-user-pass {star.lab.write('slow', 'bob{0}secret{0}'.format(chr(10)))}")
    star.server.wait_for("TLS: Initial packet", 15)
    check_connected(star.connect_client(2, f"auth-user-pass {star.lab.write('right', 'alice{0}secret{0}'.format(chr(10)))}"))
    check(not slow.connected, "it was not waited for")
    go.touch()
    slow.wait_until_connected()


def _wait_for_file(file: Path) -> str:
    return f"until [ -e {file} ]; do sleep 0.1; done"


# Of what the host says before there is a tunnel; without an end of line, which has to stay so.
_RESOLV_CONF = "# by hand\nnameserver 192.0.2.53\noptions edns0"


@client_case
def pushed_name_servers_are_set_and_taken_back(star: Star) -> None:
    _check_name_servers(star)


@client_case
def name_servers_are_taken_back_without_the_privileges_of_the_start(star: Star) -> None:
    _check_name_servers(star, "user nobody", "group nogroup")


@client_case
def name_servers_are_taken_back_when_a_daemon_without_privileges_is_killed(star: Star) -> None:
    """By its helper, which has them still."""
    if not star.client_program.is_vpnd:
        raise Skipped("OpenVPN 2.6 has no dns-updown")
    file = _own_resolv_conf(star)
    star.start_server('push "dhcp-option DNS 10.8.0.1"')
    client = star.connect_client(1, "user nobody", "group nogroup", without=("dns-updown",))
    check("nameserver 10.8.0.1" in file.read_text(), f"resolv.conf says {file.read_text()}")
    client.process.send_signal(signal.SIGKILL)
    wait_until(lambda: file.read_text() == _RESOLV_CONF, 10, "resolv.conf as it was")


@client_case
def an_up_script_of_the_user_is_left_to_set_name_servers(star: Star) -> None:
    file = _own_resolv_conf(star)
    hook = Hook(star, "hook")
    star.start_server('push "dhcp-option DNS 10.8.0.1"')
    star.connect_client(1, *hook.lines("up"), without=("dns-updown",))
    check(file.read_text() == _RESOLV_CONF, f"resolv.conf says {file.read_text()}")
    check(hook.calls("up")[0].environment["foreign_option_1"] == "dhcp-option DNS 10.8.0.1", "up is not told")


@client_case
def a_program_of_the_user_sets_name_servers(star: Star) -> None:
    if not star.client_program.is_vpnd:
        raise Skipped("OpenVPN 2.6 has no dns-updown")
    hook = Hook(star, "hook")
    star.start_server('push "dns server 1 address 10.8.0.1 [fd00:8::1]:5353"', 'push "dns server 1 resolve-domains a.example"',
                      'push "dns search-domains b.example"')
    client = star.connect_client(1, *hook.lines("dns-updown"), without=("dns-updown",))
    expected = {"dev": "tun0", "dns_server_1_address_1": "10.8.0.1", "dns_server_1_address_2": "fd00:8::1",
                "dns_server_1_port_2": "5353", "dns_server_1_resolve_domain_1": "a.example",
                "dns_search_domain_1": "b.example"}
    client.process.terminate()
    check(hook.kinds() == ["dns-up", "dns-down"], f"called: {hook.kinds()}")
    for call in hook.calls():
        found = {name: value for name, value in call.environment.items() if name not in _OF_THE_SHELL}
        check(found == expected | {"script_type": call.kind}, f"{call.kind} finds {found}")


def _check_name_servers(star: Star, *lines: str) -> None:
    if not star.client_program.is_vpnd:
        raise Skipped("OpenVPN 2.6 has no dns-updown")
    file = _own_resolv_conf(star)
    star.start_server('push "dhcp-option DNS 10.8.0.1"', 'push "dhcp-option DOMAIN example.org"')
    client = star.connect_client(1, *lines, without=("dns-updown",))
    said = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    check(said == ["nameserver 10.8.0.1", "search example.org", "nameserver 192.0.2.53", "options edns0"],
          f"resolv.conf says {said}")
    client.process.send_signal(signal.SIGUSR1)
    client.wait_until_connected(times=2)
    check(file.read_text().count("nameserver 10.8.0.1") == 1, f"after a reconnect it says {file.read_text()}")
    client.process.terminate()
    check(file.read_text() == _RESOLV_CONF, f"it is left as {file.read_text()!r}")


def _own_resolv_conf(star: Star) -> Path:
    """A client's machine with this file and nothing else that sets name servers; the real one's is not reached."""
    if shutil.which("resolvconf"):
        raise Skipped("this host has a resolvconf")
    file = star.lab.write("resolv.conf", _RESOLV_CONF, mode=0o644)
    machine = Machine(star.lab, star.spoke(1)[0])
    machine.shell(f"rm -f /etc/resolv.conf; touch /etc/resolv.conf; mount --bind {file} /etc/resolv.conf")
    star.client_program = machine.program(star.client_program)
    return file


def _use_pam_service(star: Star, condition: str = "") -> None:
    """Lets the server see a folder of PAM services with one called vpn-test, which takes the password `secret` only."""
    script = star.lab.write("pam-password", f"""#!/bin/sh
password=$(tr -d '\\0')
{condition} [ "$password" = secret ]
""", mode=0o755)
    services = star.lab.directory / "pam.d"
    services.mkdir()
    (services / "vpn-test").write_text(f"auth required pam_exec.so quiet expose_authtok {script}\n"
                                       "account required pam_permit.so\n")
    star.server_program = with_mounts(star, star.server_program, {"/etc/pam.d": services})


@comparison_case
def hooks_of_clients_find_the_variables_that_openvpn_gives(star: Star) -> None:
    """Both programs after each other as the server of the same client; passwords by the environment as well."""
    login = star.lab.write("login", "alice\nsecret\n")
    seen: dict[str, list[Call]] = {}
    ends = _both_programs(star)
    star.client_program = ends["openvpn"]
    for name, program in ends.items():
        star.server_program = program
        hook = Hook(star, name)
        star.start_server(*hook.lines("tls-verify", *_CLIENT_HOOKS), "setenv colour red", "script-security 3",
                          f"auth-user-pass-verify {hook.path} via-env", "x509-track CN", "x509-track +SHA1")
        client = star.connect_client(1, f"auth-user-pass {login}", "push-peer-info", "setenv UV_MOOD calm")
        hook.wait_for("learn-address", 2)
        client.process.terminate()
        hook.wait_for("client-disconnect")
        seen[name] = [call for call in hook.calls() if call.arguments[:1] != ["delete"]]
        star.server.terminate()
    _check_same_variables(seen["openvpn"], seen["vpnd"], "server")
    secret = [call.environment.get("password") for call in seen["vpnd"] if call.kind == "user-pass-verify"]
    check(secret == ["secret"], f"the password is {secret}")
    check(all("password" not in call.environment for call in seen["vpnd"] if call.kind != "user-pass-verify"),
          "another hook sees the password")


@comparison_case
def hooks_of_the_tunnel_find_the_variables_that_openvpn_gives(star: Star) -> None:
    """Both programs after each other in the place of the server, then in that of the client."""
    lines = ("setenv colour blue", "setenv-safe shape round", "push-peer-info")
    seen: dict[tuple[str, str], list[Call]] = {}
    ends = _both_programs(star)
    for name, program in ends.items():
        star.server_program = star.client_program = program
        server, client = Hook(star, f"{name}-server"), Hook(star, f"{name}-client")
        star.start_server(*server.lines("up", "route-up", "route-pre-down", "down"), "setenv colour red",
                          "route 10.55.0.0 255.255.255.0", 'push "route 10.99.0.0 255.255.255.0 vpn_gateway 7"',
                          'push "route-ipv6 fd00:99::/64"', 'push "dhcp-option DNS 10.8.0.1"',
                          'push "setenv-safe taste sweet"')
        process = star.connect_client(1, *client.lines(*_TUNNEL_HOOKS), *lines).process
        client.wait_for("route-up")
        process.terminate()
        star.server.terminate()
        seen[name, "server"], seen[name, "client"] = server.calls(), client.calls()
    for end in ("server", "client"):
        _check_same_variables(seen["openvpn", end], seen["vpnd", end], end)


# What vpnd has more, since OpenVPN sets it with the routes; and what is left in OpenVPN's later hooks of earlier ones, as
# names of files that are gone.
_MORE = {"redirect_gateway"}
_STALE = {"auth_control_file", "auth_pending_file", "auth_failed_reason_file"}


def _both_programs(star: Star) -> dict[str, Program]:
    ends = {program.name: program for program in (star.server_program, star.client_program)}
    if set(ends) != {"openvpn", "vpnd"}:
        raise Skipped("needs one of each")
    return ends


def _check_same_variables(stock: list[Call], ours: list[Call], end: str) -> None:
    check([call.kind for call in stock] == [call.kind for call in ours],
          f"{end}: OpenVPN called {[call.kind for call in stock]}, vpnd {[call.kind for call in ours]}")
    for theirs, own in zip(stock, ours):
        expected, found = (set(call.environment) - _OF_THE_SHELL for call in (theirs, own))
        if own.kind != "user-pass-verify":
            expected -= _STALE
        missing, more = expected - found, found - expected - _MORE
        check(not missing, f"{end}, {own.kind}: missing {sorted(missing)}")
        check(not more, f"{end}, {own.kind}: OpenVPN has no {sorted(more)}")
        check(len(theirs.arguments) == len(own.arguments), f"{end}, {own.kind}: {theirs.arguments}, {own.arguments}")
