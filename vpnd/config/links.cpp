#include <fmt/format.h>

#include <algorithm>

#include "vpnd/config/finish.hpp"

namespace vpnd::config {

namespace {

class LinkResolver {
 public:
  explicit LinkResolver(Draft& draft) : draft_(draft) {}

  void run() {
    Options& options = draft_.options;
    options.link = resolved(draft_.common, draft_.common.protocol.transport);
    if (options.mode == Mode::server) {
      resolve_listeners();
    } else {
      resolve_remotes();
    }
    throw_if_any(std::move(faults_));
  }

 private:
  void resolve_listeners() {
    const LinkDraft& link = draft_.common;
    const std::uint16_t port = link.local_port.value_or(link.port.value_or(kDefaultPort));
    auto& listeners = draft_.options.server.listeners;
    if (draft_.listeners.empty())
      listeners.push_back({"", port, link.protocol, draft_.bind_ipv6_only, {draft_.source, 0}});
    for (const ListenerWords& words : draft_.listeners) {
      listeners.push_back({words.host, words.port.value_or(port), words.protocol.value_or(link.protocol),
                           draft_.bind_ipv6_only, words.where});
    }
    const bool any_udp = std::any_of(listeners.begin(), listeners.end(), [](const Listener& listener) {
      return listener.protocol.transport == Transport::udp;
    });
    drop_exit_notice_over_tcp(draft_.options.link, any_udp ? Transport::udp : Transport::tcp,
                              draft_.common.where);
  }

  void resolve_remotes() {
    take_local_address();
    auto& remotes = draft_.options.client.remotes;
    if (draft_.blocks.empty()) {
      for (const RemoteWords& words : draft_.common.remotes) remotes.push_back(remote(words, draft_.common));
    } else {
      for (const RemoteWords& words : draft_.common.remotes)
        draft_.warn(words.where, words.host, "left out, since there are connection blocks; put it into one");
    }
    for (const LinkDraft& block : draft_.blocks) {
      if (block.remotes.empty()) {
        faults_.push_back({block.where, "<connection>", "the block has no remote; add remote HOST PORT"});
      } else {
        remotes.push_back(remote(block.remotes.front(), block));
      }
    }
    leave_out_other_protocols();
    override_proxies();
    if (remotes.empty() && faults_.empty()) {
      faults_.push_back(
          {{draft_.source, 0}, "", "a client needs a server to connect to; add remote HOST PORT"});
    }
  }

  void leave_out_other_protocols() {
    ClientOptions& client = draft_.options.client;
    if (!client.transport || client.remotes.empty()) return;
    std::erase_if(client.remotes,
                  [&](const Remote& remote) { return remote.protocol.transport != *client.transport; });
    if (client.remotes.empty())
      faults_.push_back({{draft_.source, 0}, "proto-force", "leaves no remote; remove it, or add one"});
  }

  // Of all remotes those over TCP stay, and go through this proxy.
  void override_proxies() {
    const auto& proxy = draft_.http_proxy_override;
    if (!proxy) return;
    auto& remotes = draft_.options.client.remotes;
    const auto over_udp = [](const Remote& remote) { return remote.protocol.transport == Transport::udp; };
    if (std::all_of(remotes.begin(), remotes.end(), over_udp))
      return draft_.warn(proxy->where, "http-proxy-override", "has no effect: no remote is reached over TCP");
    std::erase_if(remotes, over_udp);
    for (Remote& remote : remotes) remote.link.proxy = *proxy;
  }

  void take_local_address() {
    if (draft_.listeners.empty()) return;
    const ListenerWords& words = draft_.listeners.front();
    if (draft_.listeners.size() > 1) {
      faults_.push_back(
          {draft_.listeners[1].where, draft_.listeners[1].host, "a client has one local address"});
    }
    for (LinkDraft* link : all_links()) {
      if (link->link.local.host.empty()) link->link.local.host = words.host;
      if (words.port && !link->local_port) link->local_port = words.port;
    }
  }

  std::vector<LinkDraft*> all_links() {
    std::vector<LinkDraft*> links{&draft_.common};
    for (LinkDraft& block : draft_.blocks) links.push_back(&block);
    return links;
  }

  Remote remote(const RemoteWords& words, const LinkDraft& from) {
    Remote result;
    result.host = words.host;
    result.where = words.where;
    result.protocol = words.protocol.value_or(from.protocol);
    result.port = words.port.value_or(from.remote_port.value_or(from.port.value_or(kDefaultPort)));
    if (from.protocol_end == ProtocolEnd::server && &from != &draft_.common) {
      faults_.push_back(
          {from.protocol_where, "proto", "a client reaches its server with tcp-client, or tcp"});
    }
    result.link = resolved(from, result.protocol.transport);
    result.link.proxy = proxy(from, result.protocol.transport);
    drop_exit_notice_over_tcp(result.link, result.protocol.transport, words.where);
    return result;
  }

  LinkOptions resolved(const LinkDraft& from, Transport transport) {
    LinkOptions link = from.link;
    resolve_binding(from, transport, link.local);
    // A tunnel that is not 1500 wide was made so for its path: then segments follow it, as in OpenVPN.
    if (!from.mssfix_given && link.tun_mtu != 1500) link.mssfix = {link.tun_mtu, MssfixMode::fixed};
    const bool own_wrap = from.tls_auth || from.tls_crypt || from.tls_crypt_v2;
    link.control_wrap = control_wrap(own_wrap ? from : draft_.common);
    return link;
  }

  std::optional<ProxyOptions> proxy(const LinkDraft& from, Transport transport) {
    const auto& http = from.http_proxy;
    const auto& socks = from.socks_proxy;
    if (http && http->host.empty())
      add_once({{draft_.source, 0}, "http-proxy-option", "there is no http-proxy; add it, or remove this"});
    if (http && socks) add_once({socks->where, "socks-proxy", "cannot go with http-proxy; keep one"});
    const auto& wanted = http ? http : socks;
    if (http && transport == Transport::udp) {
      add_once({http->where, "http-proxy",
                "carries TCP only; write proto tcp-client, or tcp behind the port of remote"});
    }
    return wanted;
  }

  void resolve_binding(const LinkDraft& from, Transport transport, LocalBinding& local) {
    const bool asked_for = from.bind || from.local_port || !local.host.empty();
    if (from.nobind && asked_for && draft_.options.mode == Mode::client)
      add_once({*from.nobind, "nobind", "contradicts local, lport or bind; remove one"});
    const bool tcp_client = draft_.options.mode == Mode::client && transport == Transport::tcp;
    local.bind = asked_for || (!from.nobind && !tcp_client);
    local.port = local.bind ? from.local_port.value_or(from.port.value_or(kDefaultPort)) : std::uint16_t{0};
  }

  ControlWrapOptions control_wrap(const LinkDraft& from) {
    std::vector<const ControlWrapOptions*> given;
    for (const auto* wrap : {&from.tls_auth, &from.tls_crypt, &from.tls_crypt_v2})
      if (*wrap) given.push_back(&**wrap);
    if (given.size() > 1) {
      add_once(
          {given[1]->key.where, "", "tls-auth, tls-crypt and tls-crypt-v2 exclude each other; keep one"});
    }
    if (given.empty()) return {};
    ControlWrapOptions result = *given.front();
    if (result.kind == ControlWrapKind::tls_auth) result.key_direction = from.key_direction;
    return result;
  }

  void drop_exit_notice_over_tcp(LinkOptions& link, Transport transport, const Location& where) {
    if (transport != Transport::tcp || !link.explicit_exit_notify) return;
    link.explicit_exit_notify.reset();
    draft_.warn(where.source.empty() ? Location{draft_.source, 0} : where, "explicit-exit-notify",
                "has no effect over TCP, where the end of the connection says it");
  }

  // The same fault would come back with each remote.
  void add_once(Diagnostic fault) {
    for (const Diagnostic& known : faults_)
      if (known == fault) return;
    faults_.push_back(std::move(fault));
  }

  Draft& draft_;
  std::vector<Diagnostic> faults_;
};

}  // namespace

void resolve_links(Draft& draft) {
  LinkResolver(draft).run();
}

}  // namespace vpnd::config
