// The directives about the process: what to do, logs, privileges, scripts.

#include <fmt/format.h>

#include "vpnd/config/base64.hpp"
#include "vpnd/config/directive.hpp"
#include "vpnd/config/draft.hpp"
#include "vpnd/config/values.hpp"

namespace vpnd::config {

namespace {

// Handled where statements are read, since they change how others are read; see interpreter.cpp.
void handled_by_interpreter(const Arguments&, Draft&) {}
void always_so(const Arguments&, Draft&) {}

template <Action Value>
void action(const Arguments&, Draft& draft) {
  draft.options.process.action = Value;
}

void genkey(const Arguments& a, Draft& draft) {
  using enum KeyType;
  GenerateKey key;
  if (a.has(0)) {
    key.type = a.choice<KeyType>(0, {{"secret", tls_auth},
                                     {"tls-auth", tls_auth},
                                     {"tls-crypt", tls_crypt},
                                     {"tls-crypt-v2-server", tls_crypt_v2_server},
                                     {"tls-crypt-v2-client", tls_crypt_v2_client},
                                     {"auth-token", auth_token}});
  }
  if (a.has(1)) key.output = a[1];
  if (a.has(2)) {
    if (key.type != tls_crypt_v2_client) a.fail(a[2], "only a tls-crypt-v2-client key carries metadata");
    const auto metadata = decode_base64(a[2]);
    if (!metadata) a.fail(a[2], "metadata must be in base64");
    key.metadata = *metadata;
  }
  draft.options.process.generate_key = std::move(key);
  draft.options.process.action = Action::generate_key;
}

void compat_mode(const Arguments& a, Draft& draft) {
  // "2.4" or "2.4.0"
  const std::string& version = a[0];
  const bool known = version.size() >= 3 && version.starts_with("2.") && version[2] >= '0' &&
                     version[2] <= '9' && (version.size() == 3 || version[3] == '.');
  if (!known) a.fail(version, "not a version of OpenVPN such as 2.4.0");
  draft.compat_mode = CompatMode{static_cast<unsigned>(version[2] - '0'), a.where()};
}

void cd(const Arguments& a, Draft& draft) {
  draft.options.process.directory = a[0];
}
void writepid(const Arguments& a, Draft& draft) {
  draft.options.process.pid_file = a[0];
}
void user(const Arguments& a, Draft& draft) {
  draft.options.process.user = a[0];
}
void group(const Arguments& a, Draft& draft) {
  draft.options.process.group = a[0];
}
void mlock(const Arguments&, Draft& draft) {
  draft.options.process.lock_memory = true;
}
void chroot(const Arguments& a, Draft& draft) {
  draft.options.process.root = a[0];
}
void setcon(const Arguments& a, Draft& draft) {
  draft.options.process.security_context = a[0];
}
void machine_readable_output(const Arguments&, Draft& draft) {
  draft.options.log.machine_readable = true;
}
void errors_to_stderr(const Arguments&, Draft& draft) {
  draft.options.log.errors_to_stderr = true;
}
void nice(const Arguments& a, Draft& draft) {
  draft.options.process.nice = a.number<int>(0, -20, 19);
}
void daemonize(const Arguments& a, Draft& draft) {
  draft.options.process.daemon_name = a.has(0) ? a[0] : "vpnd";
}

void verb(const Arguments& a, Draft& draft) {
  draft.options.log.verbosity = a.number<unsigned>(0, 0, 11);
}
void mute(const Arguments& a, Draft& draft) {
  draft.options.log.mute = a.number<unsigned>(0, 0, 1000000);
}

void log(const Arguments& a, Draft& draft) {
  draft.options.log.file = a[0];
  draft.options.log.append = a.name() == "log-append";
}

void syslog(const Arguments& a, Draft& draft) {
  draft.options.log.syslog = a.has(0) ? a[0] : "vpnd";
}
void suppress_timestamps(const Arguments&, Draft& draft) {
  draft.options.log.timestamps = false;
}

void status(const Arguments& a, Draft& draft) {
  StatusFile file{a[0], std::chrono::seconds{60}};
  if (a.has(1)) file.interval = a.seconds(1, 1, 86400);
  draft.options.log.status = std::move(file);
}

void status_version(const Arguments& a, Draft& draft) {
  draft.options.log.status_version = a.number<unsigned>(0, 1, 3);
}

template <std::optional<Command> ScriptOptions::*Member>
void process_script(const Arguments& a, Draft& draft) {
  draft.options.scripts.*Member = read_command(a, 0);
}

template <bool ScriptOptions::*Member>
void script_flag(const Arguments&, Draft& draft) {
  draft.options.scripts.*Member = true;
}

void script_security(const Arguments& a, Draft& draft) {
  draft.options.scripts.security = a.number<unsigned>(0, 0, 3);
  if (a.has(1)) draft.warn(a.where(), a[1], "has no effect: programs are always started without a shell");
}

void dns_updown(const Arguments& a, Draft& draft) {
  ScriptOptions& scripts = draft.options.scripts;
  scripts.dns_updown.reset();
  scripts.dns = a[0] == "disable" ? DnsUpdown::off
                : a[0] == "force" ? DnsUpdown::forced
                                  : DnsUpdown::standard;
  if (scripts.dns == DnsUpdown::standard) scripts.dns_updown = read_command(a, 0);
}

void tls_export_cert(const Arguments& a, Draft& draft) {
  draft.options.scripts.export_certificates = a[0];
}

void tmp_dir(const Arguments& a, Draft& draft) {
  draft.options.scripts.temporary = a[0];
}

void setenv(const Arguments& a, Draft& draft) {
  check_variable_name(a, a[0]);
  const std::string prefix = a.name() == "setenv-safe" ? "OPENVPN_" : "";
  draft.options.scripts.environment.emplace_back(prefix + a[0], a.has(1) ? a[1] : "");
}

constexpr Topic kTopic = Topic::process;
constexpr Verdict kWorks = Verdict::works;

// clang-format off
constexpr Directive kDirectives[] = {
    {"config", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, handled_by_interpreter,
     "FILE", "read this file at this place"},
    {"check-config", kTopic, kWorks, kOnCommandLine, {0, 1}, Inline::no, action<Action::check_config>,
     "[FILE]", "say what is wrong with the configuration, and exit"},
    {"genkey", kTopic, kWorks, kOnCommandLine, {0, 3}, Inline::no, genkey,
     "TYPE [FILE [METADATA]]",
     "make a key: tls-auth, tls-crypt, tls-crypt-v2-server, tls-crypt-v2-client, auth-token"},
    {"version", kTopic, kWorks, kOnCommandLine, {0, 0}, Inline::no, action<Action::show_version>,
     "", "print the version, and exit"},
    {"capabilities", kTopic, kWorks, kOnCommandLine, {0, 0}, Inline::no, action<Action::show_capabilities>,
     "", "say what kernel, CPU and libraries offer and what would be used of it, and exit"},
    {"show-ciphers", kTopic, kWorks, kOnCommandLine, {0, 0}, Inline::no, action<Action::show_ciphers>,
     "", "list the ciphers of the data channel, and exit"},
    {"show-digests", kTopic, kWorks, kOnCommandLine, {0, 0}, Inline::no, action<Action::show_digests>,
     "", "list the digests of tls-auth, and exit"},
    {"show-tls", kTopic, kWorks, kOnCommandLine, {0, 0}, Inline::no, action<Action::show_tls>,
     "", "list the suites of TLS, best first, and exit"},
    {"show-groups", kTopic, kWorks, kOnCommandLine, {0, 0}, Inline::no, action<Action::show_groups>,
     "", "list the groups for the key exchange of TLS, and exit"},
    {"show-curves", kTopic, kWorks, kOnCommandLine, {0, 0}, Inline::no, action<Action::show_groups>,
     "", "old name of show-groups"},
    {"mktun", kTopic, kWorks, kOnCommandLine, {0, 0}, Inline::no, action<Action::make_device>,
     "", "make the device of --dev, owned by --user and --group, that stays after our end, and exit"},
    {"rmtun", kTopic, kWorks, kOnCommandLine, {0, 0}, Inline::no, action<Action::remove_device>,
     "", "remove such a device, and exit"},
    {"list-directives", kTopic, kWorks, kOnCommandLine, {0, 0}, Inline::no, action<Action::list_directives>,
     "", "print what is done with each directive of OpenVPN, as Markdown, and exit"},
    {"help", kTopic, kWorks, kOnCommandLine, {0, 0}, Inline::no, action<Action::show_help>,
     "", "print this, and exit"},
    {"ignore-unknown-option", kTopic, kWorks, kAnywhere, {1, kAnyNumber}, Inline::no, handled_by_interpreter,
     "NAME…", "let these names pass if they are unknown further on"},
    {"setenv", kTopic, kWorks, kAnywhere, {1, 2}, Inline::no, setenv,
     "NAME [VALUE]", "a variable for scripts; \"setenv opt\" in front of a directive lets it be unknown"},
    {"setenv-safe", kTopic, kWorks, kAnywhere | kPushed, {1, 2}, Inline::no, setenv,
     "NAME [VALUE]", "the variable OPENVPN_NAME for scripts"},
    {"compat-mode", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, compat_mode,
     "VERSION", "defaults of that version of OpenVPN: below 2.7 topology net30, below 2.6 TLS 1.0 and cipher"},
    {"cd", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, cd,
     "DIR", "files are looked for from here"},
    {"daemon", kTopic, kWorks, kAnywhere, {0, 1}, Inline::no, daemonize,
     "[NAME]", "go to the background, log to syslog"},
    {"chroot", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, chroot,
     "DIR", "make this directory the root once everything is set up; paths used later are inside it"},
    {"setcon", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, setcon,
     "CONTEXT", "enter this SELinux context once everything is set up"},
    {"mlock", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, mlock,
     "", "keep all memory out of the swap space"},
    {"writepid", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, writepid,
     "FILE", "write the process id"},
    {"user", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, user,
     "USER", "become this user after the start"},
    {"group", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, group,
     "GROUP", "become this group after the start"},
    {"nice", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, nice,
     "N", "scheduling priority, -20 to 19"},
    {"verb", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, verb,
     "N", "how much to log, 0 to 11 (1)"},
    {"mute", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, mute,
     "N", "most lines of one kind in a row; 0: no limit"},
    {"log", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, log,
     "FILE", "log to a new file"},
    {"log-append", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, log,
     "FILE", "log to the end of a file"},
    {"syslog", kTopic, kWorks, kAnywhere, {0, 1}, Inline::no, syslog,
     "[NAME]", "log to syslog"},
    {"suppress-timestamps", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, suppress_timestamps,
     "", "log without time"},
    {"machine-readable-output", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, machine_readable_output,
     "", "log lines begin with the seconds since 1970 and OpenVPN's flags in hexadecimal"},
    {"errors-to-stderr", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, errors_to_stderr,
     "", "errors go to standard error, unless the log goes to a file or to syslog"},
    {"status", kTopic, kWorks, kAnywhere, {1, 2}, Inline::no, status,
     "FILE [SECONDS]", "write the state to a file (every 60)"},
    {"status-version", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, status_version,
     "1|2|3", "form of the status file (1)"},
    {"script-security", kTopic, kWorks, kAnywhere, {1, 2}, Inline::no, script_security,
     "0|1|2|3", "2: programs may be called; 3: with passwords in the environment (1)"},
    {"up", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, process_script<&ScriptOptions::up>,
     "COMMAND", "called when the device has its addresses"},
    {"up-delay", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, script_flag<&ScriptOptions::up_delay>,
     "", "call up once the other end is there; a client always does"},
    {"up-restart", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, script_flag<&ScriptOptions::up_restart>,
     "", "call down and up also at a reconnect that keeps the device (persist-tun)"},
    {"down", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, process_script<&ScriptOptions::down>,
     "COMMAND", "called when the addresses are taken from the device"},
    {"down-pre", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, script_flag<&ScriptOptions::down_pre>,
     "", "call down before that, not after it"},
    {"route-up", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, process_script<&ScriptOptions::route_up>,
     "COMMAND", "called when the routes are set"},
    {"route-pre-down", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, process_script<&ScriptOptions::route_pre_down>,
     "COMMAND", "called before the routes are removed"},
    {"ipchange", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, process_script<&ScriptOptions::ip_change>,
     "COMMAND", "called when the address of the server, or of the other end, is authenticated or changes"},
    {"dns-updown", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, dns_updown,
     "COMMAND|force|disable", "what sets the host's name servers; vpnd's own program unless there is up"},
    {"tls-verify", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, process_script<&ScriptOptions::tls_verify>,
     "COMMAND", "ask this program about each certificate of the peer"},
    {"tls-export-cert", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, tls_export_cert,
     "DIR", "where tls-verify finds the certificate in question as a file (peer_cert)"},
    {"tmp-dir", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, tmp_dir,
     "DIR", "for files handed to scripts (/tmp)"},
    {"persist-key", kTopic, kWorks, kAnywhere | kPushed, {0, 0}, Inline::no, always_so,
     "", "always so; accepted"},
    {"disable-dco", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, always_so,
     "", "always so; accepted"},
};
// clang-format on

}  // namespace

std::span<const Directive> process_directives() {
  return kDirectives;
}

}  // namespace vpnd::config
