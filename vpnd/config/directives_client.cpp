// The directives that only a client has.

#include "vpnd/config/directive.hpp"
#include "vpnd/config/draft.hpp"
#include "vpnd/config/values.hpp"

namespace vpnd::config {

namespace {

void client(const Arguments& a, Draft& draft) {
  draft.client = a.where();
}
void pull(const Arguments& a, Draft& draft) {
  draft.pull = a.where();
}
void tls_client(const Arguments& a, Draft& draft) {
  draft.tls_client = a.where();
}

template <bool ClientOptions::*Member>
void flag(const Arguments&, Draft& draft) {
  draft.options.client.*Member = true;
}

void proto_force(const Arguments& a, Draft& draft) {
  draft.options.client.transport = a.choice<Transport>(0, {{"udp", Transport::udp}, {"tcp", Transport::tcp}});
}

void resolv_retry(const Arguments& a, Draft& draft) {
  draft.options.client.resolve_retry.reset();
  if (a[0] != "infinite") draft.options.client.resolve_retry = a.seconds(0, 0, 1000000000);
}

void connect_retry_max(const Arguments& a, Draft& draft) {
  draft.options.client.connect_attempts = a[0] == "unlimited" ? 0 : a.number<unsigned>(0);
}

void auth_user_pass(const Arguments& a, Draft& draft) {
  draft.auth_user_pass = a.has(0) || a.is_inline() ? a.material() : Material{{}, {}, a.where()};
}

void auth_retry(const Arguments& a, Draft& draft) {
  draft.options.client.auth_retry = a.choice<AuthRetry>(
      0,
      {{"none", AuthRetry::none}, {"nointeract", AuthRetry::no_interact}, {"interact", AuthRetry::interact}});
}

void static_challenge(const Arguments& a, Draft& draft) {
  StaticChallenge challenge{a[0], a.choice<bool>(1, {{"0", false}, {"1", true}})};
  if (a.has(2)) {
    challenge.format = a.choice<ChallengeFormat>(
        2, {{"scrv1", ChallengeFormat::scrv1}, {"concat", ChallengeFormat::concatenated}});
  }
  draft.options.client.static_challenge = std::move(challenge);
}

void pull_filter(const Arguments& a, Draft& draft) {
  const auto action = a.choice<FilterAction>(
      0,
      {{"accept", FilterAction::accept}, {"ignore", FilterAction::ignore}, {"reject", FilterAction::reject}});
  draft.options.client.pull_filters.push_back({action, a[1]});
}

constexpr Topic kTopic = Topic::client;
constexpr Verdict kWorks = Verdict::works;

// clang-format off
constexpr Directive kDirectives[] = {
    {"client", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, client,
     "", "be a client: tls-client and pull"},
    {"tls-client", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, tls_client,
     "", "be the client of TLS; without pull: the end of two that connects"},
    {"pull", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, pull,
     "", "take options from the server"},
    {"remote-random", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, flag<&ClientOptions::random_order>,
     "", "try the remotes in random order"},
    {"remote-random-hostname", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no,
     flag<&ClientOptions::random_hostname>,
     "", "put a random label in front of the names of remotes, past caches of DNS"},
    {"proto-force", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, proto_force,
     "udp|tcp", "leave out the remotes of the other protocol"},
    {"tls-exit", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, flag<&ClientOptions::exit_on_tls_failure>,
     "", "exit when a session fails instead of trying again"},
    {"resolv-retry", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, resolv_retry,
     "SECONDS|infinite", "how long to try to look up a name (infinite)"},
    {"connect-retry-max", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, connect_retry_max,
     "N|unlimited", "give up after so many rounds"},
    {"auth-user-pass", kTopic, kWorks, kAnywhere, {0, 1}, Inline::yes, auth_user_pass,
     "[FILE]", "user name and password, each on a line; what is missing is asked for"},
    {"auth-nocache", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, flag<&ClientOptions::forget_credentials>,
     "", "forget passwords after use"},
    {"auth-retry", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, auth_retry,
     "none|nointeract|interact", "what to do when the server refuses the password (none: exit)"},
    {"static-challenge", kTopic, kWorks, kAnywhere, {2, 3}, Inline::no, static_challenge,
     "QUESTION 0|1 [scrv1|concat]",
     "ask this too, and send the answer with the password; 1: show what is typed"},
    {"route-nopull", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no,
     flag<&ClientOptions::ignore_routes_and_dns>,
     "", "take neither routes nor DNS from the server"},
    {"allow-pull-fqdn", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no,
     flag<&ClientOptions::resolve_pulled_routes>,
     "", "look up the names of hosts in routes that the server pushes"},
    {"pull-filter", kTopic, kWorks, kAnywhere, {2, 2}, Inline::no, pull_filter,
     "accept|ignore|reject TEXT", "what to do with pushed options that begin so; the first match counts"},
    {"push-peer-info", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, flag<&ClientOptions::push_peer_info>,
     "", "tell the server more about this host, and UV_ variables"},
    {"auth-token", kTopic, kWorks, kPushed, {1, 1}, Inline::no, nullptr,
     "TOKEN", "only a server pushes it"},
    {"auth-token-user", kTopic, kWorks, kPushed, {1, 1}, Inline::no, nullptr,
     "BASE64", "only a server pushes it"},
    {"peer-id", kTopic, kWorks, kPushed, {1, 1}, Inline::no, nullptr,
     "N", "only a server pushes it"},
    {"protocol-flags", kTopic, kWorks, kPushed, {1, kAnyNumber}, Inline::no, nullptr,
     "FLAG…", "only a server pushes it"},
    {"key-derivation", kTopic, kWorks, kPushed, {1, 1}, Inline::no, nullptr,
     "tls-ekm", "only a server pushes it"},
    {"vpnd-batch", kTopic, kWorks, kPushed, {2, 2}, Inline::no, nullptr,
     "VERSION LANES", "only a server pushes it: the data channel is the batch channel"},
    {"push-continuation", kTopic, kWorks, kPushed, {1, 1}, Inline::no, nullptr,
     "1|2", "only a server pushes it"},
};
// clang-format on

}  // namespace

std::span<const Directive> client_directives() {
  return kDirectives;
}

}  // namespace vpnd::config
