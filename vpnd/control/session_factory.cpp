#include "vpnd/control/session_factory.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "vpnd/control/point_to_point.hpp"
#include "vpnd/control/session_driver.hpp"
#include "vpnd/host/file_io.hpp"

namespace vpnd::control {

SessionFactory::SessionFactory(const config::Options& options)
    : options_(options),
      tls_(make_tls_context(options)),
      ciphers_(data_ciphers(options.data)),
      wrap_(make_server_wrap(options.link, options.data)) {
  if (wrap_.key) wrap_key_ = wrap_.key->duplicate();
  tell_of_certificates();
}

std::unique_ptr<proto::Session> SessionFactory::make(const proto::NewSession& contact,
                                                     const dataplane::Link& from) {
  refresh_crl();
  proto::SessionConfig config;
  config.role = crypto::Role::server;
  config.tls = tls_;
  config.wrap = contact.wrap;
  const auto& key = contact.client_key ? contact.client_key : wrap_key_;
  if (key) config.wrap_key = key->duplicate();
  config.max_packet_size = options_.link.max_packet_size;
  config.ask_about_certificates = options_.scripts.tls_verify.has_value();
  config.transport = from.stream ? proto::Transport::stream : proto::Transport::datagrams;
  config.timers = session_timers(options_, crypto::Role::server);
  if (options_.point_to_point) config.peer_info = point_to_point_peer_info(options_, ciphers_);
  config.options = proto::format_options_string(options_string_settings(
      options_, options_.link, crypto::Role::server,
      from.stream ? config::Transport::tcp : config::Transport::udp, from.endpoint.address().family()));
  if (contact.start == proto::NewSession::Start::after_cookie) {
    return std::make_unique<proto::Session>(std::move(config),
                                            proto::AcceptedContact{contact.local, contact.client}, now());
  }
  return std::make_unique<proto::Session>(std::move(config), contact.local, now());
}

void SessionFactory::tick() {
  refresh_crl();
  for (const std::string& line : expiry_.approaching(std::chrono::system_clock::now()))
    spdlog::warn("{}", line);
}

// What is read then counts from the next handshake or renewal of keys on.
void SessionFactory::refresh_crl() {
  const auto& crl = options_.tls.crl;
  if (!crl || crl->is_inline()) return;
  std::error_code error;
  const auto changed = std::filesystem::last_write_time(crl->path, error);
  if (error || changed == crl_time_) return;
  crl_time_ = changed;
  const auto file = host::read_text_file(crl->path);
  try {
    if (!file.result.ok()) throw std::runtime_error(file.result.reason);
    tls_->reload_crl(file.text);
    tell_of_certificates();
  } catch (const std::exception& problem) {
    spdlog::error("crl-verify: {}; the list read before stays in force", problem.what());
  }
}

void SessionFactory::tell_of_certificates() {
  for (const std::string& warning : tls_->warnings()) spdlog::warn("{}", warning);
  expiry_.watch(tls_->lifetimes(), std::chrono::system_clock::now());
}

std::function<void()> SessionFactory::prepare_reload(const config::Options& fresh) {
  return [this, tls = make_tls_context(fresh)] {
    *tls_ = std::move(*tls);
    crl_time_ = {};
    ciphers_ = data_ciphers(options_.data);
    tell_of_certificates();
  };
}

}  // namespace vpnd::control
