#include "vpnd/config/finish.hpp"

#include <fmt/format.h>

namespace vpnd::config {

namespace {

// What a client's directive on a server is: a mistake that would surprise, or a word that is merely idle.
bool harmless_on_server(std::string_view name) {
  return name == "resolv-retry" || name == "remote-random" || name == "connect-retry-max" ||
         name == "auth-nocache" || name == "auth-retry" || name == "push-peer-info";
}

void choose_client(Draft& draft, std::vector<Diagnostic>& faults) {
  draft.options.mode = Mode::client;
  draft.options.point_to_point = draft.tls_client && !draft.pull && !draft.client;
  for (const Diagnostic& word : draft.server_words) {
    faults.push_back(
        {word.where, word.word, "is for a server, and this is the configuration of a client; remove it"});
  }
  const LinkDraft& link = draft.common;
  if (link.protocol_end == ProtocolEnd::server)
    faults.push_back({link.protocol_where, "proto", "a client reaches its server with tcp-client, or tcp"});
}

void choose_server(Draft& draft, std::vector<Diagnostic>& faults) {
  draft.options.mode = Mode::server;
  for (const Diagnostic& word : draft.client_words) {
    if (draft.options.point_to_point && word.word == "remote") {
      draft.warn(word.where, word.word,
                 "has no effect: this end listens, and takes whoever proves to be the other");
    } else if (harmless_on_server(word.word)) {
      draft.warn(word.where, word.word, "has no effect: it is for a client");
    } else {
      faults.push_back(
          {word.where, word.word, "is for a client, and this is the configuration of a server; remove it"});
    }
  }
  const LinkDraft& link = draft.common;
  if (link.protocol_end == ProtocolEnd::client)
    faults.push_back({link.protocol_where, "proto", "a server listens with tcp-server, or tcp"});
  for (const LinkDraft& block : draft.blocks) {
    faults.push_back(
        {block.where, "<connection>", "a server does not connect; write local for each address"});
  }
}

// One other end, so nothing of what is for many clients.
void choose_listening_end(Draft& draft, std::vector<Diagnostic>& faults) {
  draft.options.point_to_point = true;
  draft.options.server.max_clients = 1;
  for (const Diagnostic& word : draft.server_words) {
    if (word.word == "tls-server" || word.word == "mode" || word.word == "connect-freq-initial" ||
        word.word == "tls-crypt-v2-verify" || word.word == "tls-crypt-v2-max-age")
      continue;
    faults.push_back({word.where, word.word,
                      "is for a server of many clients; add mode server, or server NETWORK NETMASK"});
  }
  choose_server(draft, faults);
}

}  // namespace

void throw_if_any(std::vector<Diagnostic> faults) {
  if (!faults.empty()) throw ConfigError(std::move(faults));
}

void choose_role(Draft& draft) {
  const bool server = draft.mode_server || draft.server || draft.server_ipv6;
  const bool client = draft.client || draft.tls_client || draft.pull;
  std::vector<Diagnostic> faults;
  if (server && draft.client) {
    faults.push_back({*draft.client, "client", "client and server exclude each other; remove one"});
  } else if (server) {
    choose_server(draft, faults);
  } else if (client) {
    choose_client(draft, faults);
  } else if (draft.tls_server) {
    choose_listening_end(draft, faults);
  } else {
    faults.push_back(
        {{draft.source, 0}, "", "neither client nor server: write client, or server NETWORK NETMASK"});
  }
  throw_if_any(std::move(faults));
}

}  // namespace vpnd::config
