#include "vpnd/config/client_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vpnd/config/directive.hpp"
#include "vpnd/config/values.hpp"

namespace vpnd::config {

namespace {

constexpr std::size_t kMaxNetworks = 4096;

tunio::Prefix read_network(const Arguments& a) {
  if (a.name() == "iroute-ipv6") return a.ipv6_prefix(0).network();
  const tunio::Prefix network{a.ipv4(0), a.has(1) ? a.netmask(1) : std::uint8_t{32}};
  if (network.network() != network) {
    a.fail(a[0], fmt::format("not the address of a network with this netmask; did you mean {}?",
                             network.network().address.format()));
  }
  return network;
}

ClientAddress read_client_address(const Arguments& a) {
  const AddressPair pair = read_address_pair(a);
  return {pair.local, pair.netmask_or_peer};
}

ClientAddressIpv6 read_client_address_ipv6(const Arguments& a) {
  const AddressIpv6 read = read_address_ipv6(a);
  return {read.address, read.peer};
}

class ClientConfigReader {
 public:
  explicit ClientConfigReader(ParsedClientConfig& parsed) : parsed_(parsed) {}

  void run(const Statement& statement) {
    const Arguments a(statement);
    ClientConfig& config = parsed_.config;
    if (a.name() == "disable") {
      config.disabled = true;
      return;
    }
    const Directive* directive = find_directive(a.name());
    if (directive == nullptr) a.fail(a.name(), "unknown in a client file");
    if ((directive->contexts & kInClientConfig) == 0) a.fail(a.name(), "not allowed in a client file");
    if (directive->verdict != Verdict::works)
      a.fail(a.name(), fmt::format("has no effect: {}", directive->text));
    if (a.is_inline()) a.fail(a.name(), "cannot be given inline");
    if (a.size() < directive->arguments.min || a.size() > directive->arguments.max) {
      a.fail(a.name(),
             fmt::format("takes {}", directive->synopsis.empty() ? "no argument" : directive->synopsis));
    }
    apply(a);
  }

 private:
  void apply(const Arguments& a) {
    ClientConfig& config = parsed_.config;
    if (a.name() == "ifconfig-push") {
      config.address = read_client_address(a);
    } else if (a.name() == "ifconfig-ipv6-push") {
      config.address_ipv6 = read_client_address_ipv6(a);
    } else if (a.name() == "iroute" || a.name() == "iroute-ipv6") {
      if (config.networks.size() == kMaxNetworks)
        a.fail(a.name(), fmt::format("more than {} networks", kMaxNetworks));
      config.networks.push_back(read_network(a));
    } else if (a.name() == "push") {
      check_pushed_text(a, a[0]);
      config.push_changes.push_back({PushChangeKind::add, a[0], a.where()});
    } else if (a.name() == "push-remove") {
      config.push_changes.push_back({PushChangeKind::remove, a[0], a.where()});
    } else if (a.name() == "push-reset") {
      config.push_changes.push_back({PushChangeKind::reset, {}, a.where()});
    } else if (a.name() == "max-routes-per-client") {
      config.max_networks = a.number<unsigned>(0, 1, 65536);
    } else if (a.name() == "override-username") {
      config.username = a[0];
    } else {
      take_ciphers(a);
    }
  }

  // data-ciphers and its old name are the last ones left.
  void take_ciphers(const Arguments& a) {
    CipherList list = read_ciphers(a);
    for (const std::string& name : list.skipped)
      parsed_.warnings.push_back({a.where(), name, "left out: vpnd has AEAD ciphers only"});
    parsed_.config.ciphers = std::move(list.ciphers);
  }

  ParsedClientConfig& parsed_;
};

// The network of a pushed "route …" or "route-ipv6 …"; nothing for other options.
std::optional<tunio::Prefix> pushed_network(const std::string& option) {
  Tokens tokens = tokenise(option);
  if (tokens.words.size() < 2) return std::nullopt;
  const Statement statement{std::move(tokens.words), std::nullopt, {}};
  const Arguments a(statement);
  try {
    if (a.name() == "route-ipv6") return a.ipv6_prefix(0).network();
    if (a.name() != "route") return std::nullopt;
    const Route route = read_route(a, HostNames::allowed);
    if (route.network.keyword != RouteKeyword::none) return std::nullopt;
    return tunio::Prefix{route.network.address, route.bits};
  } catch (const ConfigError&) {
    return std::nullopt;  // The client will say what it thinks of it.
  }
}

}  // namespace

ParsedClientConfig parse_client_config(std::string_view text, const std::string& source) {
  ParsedClientConfig parsed;
  ClientConfigReader reader(parsed);
  StatementReader statements(text, source);
  for (;;) {
    try {
      const std::optional<Statement> statement = statements.next();
      if (!statement) return parsed;
      reader.run(*statement);
    } catch (const ConfigError& error) {
      parsed.warnings.insert(parsed.warnings.end(), error.diagnostics().begin(), error.diagnostics().end());
    }
  }
}

void add(ClientConfig& config, ClientConfig&& later) {
  const auto replace = [](auto& value, auto& by) {
    if (by) value = std::move(by);
  };
  config.disabled = config.disabled || later.disabled;
  replace(config.address, later.address);
  replace(config.address_ipv6, later.address_ipv6);
  replace(config.ciphers, later.ciphers);
  replace(config.max_networks, later.max_networks);
  replace(config.username, later.username);
  config.networks.insert(config.networks.end(), later.networks.begin(), later.networks.end());
  config.push_changes.insert(config.push_changes.end(), later.push_changes.begin(), later.push_changes.end());
}

std::vector<PushedText> merge_push(const std::vector<PushedText>& common, const ClientConfig& client) {
  std::vector<PushedText> merged = common;
  for (const PushChange& change : client.push_changes) {
    switch (change.kind) {
      case PushChangeKind::add:
        merged.push_back({change.text, change.where});
        break;
      case PushChangeKind::remove:
        std::erase_if(merged, [&](const PushedText& option) { return option.text.starts_with(change.text); });
        break;
      case PushChangeKind::reset:
        merged.clear();
        break;
    }
  }
  std::erase_if(merged, [&](const PushedText& option) {
    const auto network = pushed_network(option.text);
    return network &&
           std::find(client.networks.begin(), client.networks.end(), *network) != client.networks.end();
  });
  return merged;
}

std::string client_config_file_name(std::string_view common_name) {
  std::string name(common_name);
  for (char& c : name)
    if (c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '_';
  if (name == "." || name == "..") std::fill(name.begin(), name.end(), '_');
  return name;
}

}  // namespace vpnd::config
