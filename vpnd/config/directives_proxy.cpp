// The directives about proxies between a client and its server.

#include <algorithm>
#include <cctype>

#include "vpnd/config/directive.hpp"
#include "vpnd/config/draft.hpp"

namespace vpnd::config {

namespace {

constexpr Contexts kLink = kAnywhere | kInConnection;

ProxyOptions& http_of(Draft& draft) {
  LinkDraft& link = draft.link();
  if (!link.http_proxy) link.http_proxy.emplace();
  return *link.http_proxy;
}

// HOST PORT [FILE|auto|auto-nct] [none|basic]
void http_proxy(const Arguments& a, Draft& draft) {
  ProxyOptions& proxy = http_of(draft);
  proxy.kind = ProxyKind::http;
  proxy.host = a[0];
  proxy.port = a.port(1);
  proxy.where = a.where();
  const bool authenticates = !a.has(3) || a[3] != "none";
  if (a.has(3)) {
    if (a[3] == "ntlm" || a[3] == "ntlm2" || a[3] == "digest")
      a.fail(a[3], "not supported by vpnd: use basic, or a proxy on this host that speaks it (cntlm)");
    a.choice<int>(3, {{"none", 0}, {"basic", 0}});
  }
  if (!a.has(2) || !authenticates) return;
  if (a[2] == "auto" || a[2] == "auto-nct")
    a.fail(a[2], "vpnd does not ask for a proxy's password; name a file with user name and password");
  proxy.credentials_file = Material{a[2], {}, a.where()};
}

// HOST PORT [FILE]
void http_proxy_override(const Arguments& a, Draft& draft) {
  ProxyOptions proxy;
  proxy.host = a[0];
  proxy.port = a.port(1);
  proxy.where = a.where();
  if (a.has(2)) proxy.credentials_file = Material{a[2], {}, a.where()};
  draft.http_proxy_override = std::move(proxy);
}

void http_proxy_user_pass(const Arguments& a, Draft& draft) {
  http_of(draft).credentials_file = a.material();
}

// Nothing that could begin another header.
void check_header(const Arguments& a, std::size_t index) {
  const bool good =
      std::all_of(a[index].begin(), a[index].end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
  if (!good) a.fail(a.name(), "a header cannot hold control characters");
}

void http_proxy_option(const Arguments& a, Draft& draft) {
  ProxyOptions& proxy = http_of(draft);
  for (std::size_t i = 1; i < a.size(); ++i) check_header(a, i);
  const auto takes = [&a](std::size_t count, const char* what) {
    if (a.size() != count) a.fail(a[0], what);
  };
  if (a[0] == "VERSION") {
    takes(2, "takes the version of HTTP, 1.0 or 1.1");
    a.choice<int>(1, {{"1.0", 0}, {"1.1", 0}});
    proxy.http_version = a[1];
  } else if (a[0] == "AGENT") {
    takes(2, "takes the text of User-Agent; write quotes around it");
    proxy.http_agent = a[1];
  } else if (a[0] == "CUSTOM-HEADER") {
    if (a.size() < 2) a.fail(a[0], "takes the name of a header and its content");
    const bool good_name = !a[1].empty() && std::all_of(a[1].begin(), a[1].end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '-' || c == '_';
    });
    if (!good_name) a.fail(a[1], "not the name of a header: only letters, digits, '-' and '_'");
    proxy.http_headers.emplace_back(a[1], a.joined(2));
  } else {
    a.fail(a[0], "not a value of http-proxy-option; it takes VERSION, AGENT, CUSTOM-HEADER");
  }
}

void socks_proxy(const Arguments& a, Draft& draft) {
  constexpr std::uint16_t kSocksPort = 1080;
  ProxyOptions proxy;
  proxy.kind = ProxyKind::socks5;
  proxy.host = a[0];
  proxy.port = a.has(1) ? a.port(1) : kSocksPort;
  proxy.where = a.where();
  if (a.has(2)) proxy.credentials_file = Material{a[2], {}, a.where()};
  draft.link().socks_proxy = std::move(proxy);
}

constexpr Topic kTopic = Topic::client;
constexpr Verdict kWorks = Verdict::works;

// clang-format off
constexpr Directive kDirectives[] = {
    {"http-proxy", kTopic, kWorks, kLink, {2, 4}, Inline::no, http_proxy,
     "HOST PORT [FILE] [basic|none]", "reach the server through this HTTP proxy, over TCP; FILE: name and password"},
    {"http-proxy-override", kTopic, kWorks, kAnywhere, {2, 3}, Inline::no, http_proxy_override,
     "HOST PORT [FILE]", "this HTTP proxy for all remotes over TCP, and no others"},
    {"http-proxy-user-pass", kTopic, kWorks, kLink, {1, 1}, Inline::yes, http_proxy_user_pass,
     "FILE", "user name and password for the HTTP proxy, each on a line"},
    {"http-proxy-option", kTopic, kWorks, kLink, {1, 16}, Inline::no, http_proxy_option,
     "VERSION V|AGENT TEXT|CUSTOM-HEADER NAME TEXT", "what the request to the HTTP proxy says"},
    {"socks-proxy", kTopic, kWorks, kLink, {1, 3}, Inline::no, socks_proxy,
     "HOST [PORT] [FILE]", "reach the server through this SOCKS 5 proxy, over TCP (port 1080)"},
};
// clang-format on

}  // namespace

std::span<const Directive> proxy_directives() {
  return kDirectives;
}

}  // namespace vpnd::config
