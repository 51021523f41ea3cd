// The directives of the management interface.

#include "vpnd/config/directive.hpp"
#include "vpnd/config/draft.hpp"

namespace vpnd::config {

namespace {

constexpr std::size_t kMaxSocketPath = 107;  // of sockaddr_un

void management(const Arguments& a, Draft& draft) {
  ManagementOptions& options = draft.options.management;
  if (a[0] == "tunnel")
    a.fail(a[0], "listening inside the tunnel is not supported; give an address of this host");
  options.address = a[0];
  options.port = 0;
  if (a[1] == "unix") {
    if (a[0].size() > kMaxSocketPath)
      a.fail(a[0], "the path of a unix socket may have 107 characters at most");
  } else {
    if (!tunio::IpAddress::parse(a[0]))
      a.fail(a[0], "not an IP address; write one such as 127.0.0.1, or PATH unix");
    options.port = a.port(1);
  }
  options.password_file.reset();
  if (a.has(2)) options.password_file = Material{a[2], {}, a.where()};
  options.where = a.where();
}

void log_cache(const Arguments& a, Draft& draft) {
  draft.options.management.log_cache = a.number<unsigned>(0, 1, 100000);
}

void echo(const Arguments& a, Draft& draft) {
  draft.options.management.echoes.push_back(a.joined());
}

template <bool ManagementOptions::*Member>
void management_flag(const Arguments&, Draft& draft) {
  draft.options.management.*Member = true;
}

template <std::string ManagementOptions::*Member>
void management_text(const Arguments& a, Draft& draft) {
  draft.options.management.*Member = a[0];
}

// What else the keeper can do is of no use: whoever signs what is padded already can sign everything.
void external_key(const Arguments& a, Draft& draft) {
  ExternalKeyOptions key{a.where()};
  enum class Flag : std::uint8_t { nopadding, pkcs1, pss, digest };
  bool signs_digests = a.size() == 0;
  bool other = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto flag = a.choice<Flag>(i, {{"nopadding", Flag::nopadding},
                                         {"pkcs1", Flag::pkcs1},
                                         {"pss", Flag::pss},
                                         {"digest", Flag::digest}});
    if (flag == Flag::nopadding) key.schemes = crypto::RsaSchemes::pkcs1_and_raw;
    signs_digests = signs_digests || flag == Flag::pkcs1;
    other = other || flag == Flag::pss || flag == Flag::digest;
  }
  if (other && !signs_digests && key.schemes == crypto::RsaSchemes::pkcs1) {
    a.fail(
        a[0],
        "is not enough: vpnd asks for signatures of pkcs1 and nopadding; add what the key's keeper can do");
  }
  draft.options.management.external_key = key;
}

constexpr Topic kManagementTopic = Topic::management;
constexpr Verdict kHere = Verdict::works;

// clang-format off
constexpr Directive kManagementDirectives[] = {
    {"echo", kManagementTopic, kHere, kAnywhere | kPushed, {0, kAnyNumber}, Inline::no, echo,
     "TEXT…", "hand this to the programs of the management interface"},
    {"parameter", kManagementTopic, kHere, kAnywhere, {0, kAnyNumber}, Inline::no, echo,
     "TEXT…", "the same as echo"},
    {"management", kManagementTopic, kHere, kAnywhere, {2, 3}, Inline::no, management,
     "ADDRESS PORT|PATH unix [FILE]",
     "let programs talk to the daemon there; FILE has the password that they must know"},
    {"management-client", kManagementTopic, kHere, kAnywhere, {0, 0}, Inline::no,
     management_flag<&ManagementOptions::connect>,
     "", "connect to the address of management instead of listening there"},
    {"management-client-user", kManagementTopic, kHere, kAnywhere, {1, 1}, Inline::no,
     management_text<&ManagementOptions::client_user>,
     "USER", "only this user may be at the other end of the unix socket"},
    {"management-client-group", kManagementTopic, kHere, kAnywhere, {1, 1}, Inline::no,
     management_text<&ManagementOptions::client_group>,
     "GROUP", "only this group may be at the other end of the unix socket"},
    {"management-log-cache", kManagementTopic, kHere, kAnywhere, {1, 1}, Inline::no, log_cache,
     "LINES", "lines of the log to keep for programs that ask for them (250)"},
    {"management-hold", kManagementTopic, kHere, kAnywhere, {0, 0}, Inline::no,
     management_flag<&ManagementOptions::hold>,
     "", "wait for \"hold release\" before each start"},
    {"management-signal", kManagementTopic, kHere, kAnywhere, {0, 0}, Inline::no,
     management_flag<&ManagementOptions::restart_on_leave>,
     "", "connect anew, as with SIGUSR1, when the last such program leaves"},
    {"management-forget-disconnect", kManagementTopic, kHere, kAnywhere, {0, 0}, Inline::no,
     management_flag<&ManagementOptions::forget_on_leave>,
     "", "forget passwords when the last such program leaves"},
    {"management-external-key", kManagementTopic, kHere, kAnywhere, {0, 4}, Inline::no, external_key,
     "[nopadding] [pkcs1] [pss] [digest]",
     "ask there for signatures with the private key; what its keeper can do to RSA's padding"},
    {"management-external-cert", kManagementTopic, kHere, kAnywhere, {1, 1}, Inline::no,
     management_text<&ManagementOptions::external_certificate>,
     "HINT", "ask there for the certificate; HINT says which"},
    {"management-query-passwords", kManagementTopic, kHere, kAnywhere, {0, 0}, Inline::no,
     management_flag<&ManagementOptions::query_passwords>,
     "", "ask for user name and password there instead of at the terminal"},
    {"management-query-remote", kManagementTopic, kHere, kAnywhere, {0, 0}, Inline::no,
     management_flag<&ManagementOptions::query_remote>,
     "", "ask about each server before it is tried"},
    {"management-query-proxy", kManagementTopic, kHere, kAnywhere, {0, 0}, Inline::no,
     management_flag<&ManagementOptions::query_proxy>,
     "", "ask for a proxy before each server is tried"},
    {"management-up-down", kManagementTopic, kHere, kAnywhere, {0, 0}, Inline::no,
     management_flag<&ManagementOptions::up_down>,
     "", "tell when the tunnel comes up and goes down"},
    {"management-client-auth", kManagementTopic, kHere, kAnywhere, {0, 0}, Inline::no,
     management_flag<&ManagementOptions::client_auth>,
     "", "ask about each client that has shown a valid certificate"},
};
// clang-format on

}  // namespace

std::span<const Directive> management_directives() {
  return kManagementDirectives;
}

}  // namespace vpnd::config
