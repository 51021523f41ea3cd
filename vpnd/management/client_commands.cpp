// The commands about clients of a server, and those of a client itself.

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "tunio/ip_address.hpp"
#include "vpnd/management/command_table.hpp"

namespace vpnd::management {

namespace {

constexpr std::int64_t kMostOptions = 64;  // of one push-update

// As sscanf reads a number: leading digits, at least one.
template <typename Number>
bool parse_number(std::string_view word, Number& number) {
  return std::from_chars(word.data(), word.data() + word.size(), number).ec == std::errc();
}

// Whole, for what must be nothing but a number.
std::optional<std::uint16_t> parse_port(std::string_view word) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), port);
  if (error != std::errc() || end != word.data() + word.size() || port == 0) return std::nullopt;
  return port;
}

// "a, b" → the options of a push update.
std::vector<std::string> split_options(std::string_view text) {
  std::vector<std::string> options;
  while (!text.empty() && options.size() < kMostOptions) {
    const std::size_t end = std::min(text.find(','), text.size());
    std::string_view option = text.substr(0, end);
    while (option.starts_with(' ')) option.remove_prefix(1);
    if (!option.empty()) options.emplace_back(option);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return options;
}

}  // namespace

// ---- clients of a server ----

bool Session::parse_key(const Words& words, ClientKey& key) {
  if (!parse_number(words[1], key.client)) {
    send("ERROR: cannot parse CID");
    return false;
  }
  if (!parse_number(words[2], key.key)) {
    send("ERROR: cannot parse KID");
    return false;
  }
  return true;
}

void Session::do_client_auth(const Words& words) {
  ClientKey key;
  if (!parse_key(words, key)) return;
  begin_block([this, key](const std::vector<std::string>& lines) {
    if (shared_.target() == nullptr) return unsupported("client-auth");
    std::string settings;
    for (const std::string& line : lines) settings += line + '\n';
    report(shared_.target()->admit_client(key, settings), "client-auth");
  });
}

void Session::do_client_auth_nt(const Words& words) {
  ClientKey key;
  if (!parse_key(words, key)) return;
  if (shared_.target() == nullptr) return unsupported("client-auth");
  report(shared_.target()->admit_client(key, ""), "client-auth");
}

void Session::do_client_deny(const Words& words) {
  ClientKey key;
  if (!parse_key(words, key)) return;
  if (shared_.target() == nullptr) return unsupported("client-deny");
  report(shared_.target()->deny_client(key, words[3], words.size() > 4 ? words[4] : ""), "client-deny");
}

void Session::do_client_pending_auth(const Words& words) {
  ClientKey key;
  unsigned timeout = 0;
  if (!parse_key(words, key)) return;
  if (!parse_number(words[4], timeout)) return send("ERROR: cannot parse TIMEOUT");
  if (shared_.target() == nullptr) return unsupported("client-pending-auth");
  report(shared_.target()->put_off_client(key, words[3], timeout), "client-pending-auth",
         ". Extra parameter might be too long");
}

void Session::do_client_kill(const Words& words) {
  std::uint64_t client = 0;
  if (!parse_number(words[1], client)) return send("ERROR: cannot parse CID");
  if (shared_.target() == nullptr) return unsupported("client-kill");
  report(shared_.target()->kill_client(client, words.size() > 2 ? words[2] : "RESTART"), "client-kill");
}

// A common name, or ADDRESS:PORT; IPv6 in brackets, which stock does not know.
void Session::do_kill(const Words& words) {
  if (shared_.target() == nullptr || !shared_.target()->serves_clients()) return unsupported("kill");
  const std::string& victim = words[1];
  const std::size_t colon = victim.starts_with('[') ? victim.find("]:") : victim.find(':');
  if (colon == std::string::npos || colon + 1 == victim.size() || colon == 0) {
    const std::string name = victim.substr(0, colon);
    if (name.empty()) return send("ERROR: kill parse");
    const std::size_t killed = shared_.target()->kill_by_name(name);
    return send(killed > 0 ? fmt::format("SUCCESS: common name '{}' found, {} client(s) killed", name, killed)
                           : fmt::format("ERROR: common name '{}' not found", name));
  }
  const bool bracket = victim[colon] == ']';
  const std::string host = bracket ? victim.substr(1, colon - 1) : victim.substr(0, colon);
  const std::string number = victim.substr(colon + (bracket ? 2 : 1));
  const auto address = tunio::IpAddress::parse(host);
  if (!address) return send("ERROR: error parsing IP address: " + host);
  const auto port = parse_port(number);
  if (!port) return send("ERROR: port number is out of range: " + number);
  const std::size_t killed = shared_.target()->kill_by_address(address->format(), *port);
  send(killed > 0
           ? fmt::format("SUCCESS: {} client(s) at address {}:{} killed", killed, address->format(), *port)
           : fmt::format("ERROR: client at address {}:{} not found", address->format(), *port));
}

void Session::do_nclients(const Words&) {
  if (shared_.target() == nullptr || !shared_.target()->serves_clients()) return unsupported("nclients");
  send(fmt::format("SUCCESS: nclients={}", shared_.target()->load_stats().clients));
}

void Session::do_push_update(const Words& words) {
  const bool one = words[0] == "push-update-cid";
  if (shared_.target() == nullptr || !shared_.target()->serves_clients()) return unsupported(words[0]);
  std::optional<std::uint64_t> client;
  if (one) {
    std::uint64_t number = 0;
    if (!parse_number(words[1], number))
      return send(fmt::format("ERROR: {} fail during cid parsing", words[0]));
    client = number;
  }
  const std::size_t told = shared_.target()->push_update(client, split_options(words.back()));
  report(told > 0 ? Outcome::succeeded : Outcome::failed, words[0]);
}

// ---- a client itself ----

void Session::do_auth_retry(const Words& words) {
  if (words.size() < 2) {
    return send("SUCCESS: auth-retry=" +
                (shared_.target() != nullptr ? shared_.target()->auth_retry() : std::string("none")));
  }
  if (words[1] != "none" && words[1] != "interact" && words[1] != "nointeract") {
    send("--auth-retry method must be 'interact', 'nointeract', or 'none'");
    return send("ERROR: bad auth-retry parameter");
  }
  if (shared_.target() == nullptr || !shared_.target()->set_auth_retry(words[1]))
    return unsupported("auth-retry");
  send("SUCCESS: auth-retry parameter changed");
}

void Session::do_cr_response(const Words& words) {
  const Outcome sent = shared_.target() != nullptr ? shared_.target()->send_challenge_response(words[1])
                                                   : Outcome::unsupported;
  if (sent == Outcome::unsupported) return unsupported("cr-response");
  send(sent == Outcome::succeeded ? "SUCCESS: command succeeded" : "ERROR: command failed");
}

void Session::do_forget_passwords(const Words&) {
  if (shared_.target() != nullptr) shared_.target()->forget_passwords();
  send("SUCCESS: Passwords were forgotten");
}

void Session::answer(Question::Kind a, Question::Kind b, std::string_view what, const Words& words,
                     bool username) {
  auto& open = shared_.question();
  if (!open || (open->question().kind != a && open->question().kind != b))
    return send(fmt::format("ERROR: no {} is currently needed at this time", what));
  if (open->question().type != words[1]) {
    return send(fmt::format("ERROR: {} of type '{}' entered, but we need one of type '{}'", what, words[1],
                            open->question().type));
  }
  username ? open->set_username(words[2]) : open->set_text(words[2]);
  send(fmt::format("SUCCESS: '{}' {} entered, but not yet verified", words[1], what));
  shared_.finish_question();
}

void Session::do_username(const Words& words) {
  using enum Question::Kind;
  answer(user_and_password, user_and_password, "username", words, true);
}

void Session::do_password(const Words& words) {
  using enum Question::Kind;
  answer(user_and_password, password, "password", words, false);
}

void Session::do_needok(const Words& words) {
  using enum Question::Kind;
  answer(confirmation, confirmation, "needok-confirmation", words, false);
}

void Session::do_needstr(const Words& words) {
  using enum Question::Kind;
  answer(string, string, "needstr-string", words, false);
}

void Session::do_certificate(const Words& words) {
  if (!shared_.awaits_certificate())
    return send(fmt::format("ERROR: The {} command is not currently available", words[0]));
  begin_block([this](const std::vector<std::string>& lines) {
    std::string pem;
    for (const std::string& line : lines) pem += line + '\n';
    report(shared_.awaits_certificate() ? Outcome::succeeded : Outcome::failed, "certificate");
    shared_.give_certificate(pem);
  });
}

void Session::do_signature(const Words& words) {
  if (!shared_.signature())
    return send(fmt::format("ERROR: The {} command is not currently available", words[0]));
  const std::string_view what = words[0] == "rsa-sig" ? "rsa-sign" : "pk-sign";  // as stock answers
  begin_block([this, what](const std::vector<std::string>& lines) {
    std::string base64;
    for (const std::string& line : lines) base64 += line;
    report(shared_.signature() ? Outcome::succeeded : Outcome::failed, what);
    shared_.give_signature(base64);
  });
}

void Session::do_remote(const Words& words) {
  if (shared_.target() == nullptr || !shared_.target()->remotes()) return unsupported("remote");
  RemoteChoice choice;
  bool valid = false;
  if (words[1] == "ACCEPT") {
    valid = words.size() == 2;
  } else if (words[1] == "SKIP") {
    choice.kind = RemoteChoice::Kind::skip;
    valid = words.size() == 2 || (parse_number(words[2], choice.count) && choice.count > 0);
  } else if (words[1] == "MOD" && words.size() > 3) {
    choice.kind = RemoteChoice::Kind::modify;
    choice.host = words[2];
    const auto port = parse_port(words[3]);
    choice.port = port.value_or(0);
    valid = port && !choice.host.empty();
  }
  if (!valid || !shared_.choosing_remote()) return send("ERROR: remote command failed");
  send("SUCCESS: remote command succeeded");
  shared_.choose_remote(choice);
}

void Session::do_proxy(const Words& words) {
  if (shared_.target() == nullptr || !shared_.target()->remotes()) return unsupported("proxy");
  ProxyChoice choice;
  bool valid = words[1] == "NONE";
  if (words[1] == "HTTP" || words[1] == "SOCKS") {
    choice.kind = words[1] == "HTTP" ? ProxyChoice::Kind::http : ProxyChoice::Kind::socks;
    const auto port = words.size() > 3 ? parse_port(words[3]) : std::nullopt;
    valid = port && !words[2].empty();
    if (valid) choice.host = words[2];
    choice.port = port.value_or(0);
  }
  if (!valid || !shared_.choosing_proxy()) return send("ERROR: proxy command failed");
  send("SUCCESS: proxy command succeeded");
  shared_.choose_proxy(choice);
}

void Session::do_remote_entry_count(const Words&) {
  const auto remotes = shared_.target() != nullptr ? shared_.target()->remotes() : std::nullopt;
  if (!remotes) return unsupported("remote-entry-count");
  send(fmt::format("{}", remotes->size()));
  send("END");
}

void Session::do_remote_entry_get(const Words& words) {
  const auto remotes = shared_.target() != nullptr ? shared_.target()->remotes() : std::nullopt;
  if (!remotes) return unsupported("remote-entry-get");
  const std::size_t count = remotes->size();
  std::size_t from = 0;
  std::size_t to = count;
  if (words[1] != "all") {
    const std::int64_t first = leading_number(words[1]);
    from = first < 0 ? count : static_cast<std::size_t>(first);
    const std::int64_t last = words.size() > 2 ? leading_number(words[2]) : first + 1;
    to = std::min(count, static_cast<std::size_t>(std::max<std::int64_t>(last, 0)));
  }
  for (std::size_t i = from; i < to; ++i) send(fmt::format("{},{}", i, (*remotes)[i]));
  send("END");
}

}  // namespace vpnd::management
