// What management clients hear of a client.

#include <fmt/format.h>

#include <asio/post.hpp>

#include "tunio/udp_socket.hpp"
#include "vpnd/control/client.hpp"

namespace vpnd::control {

bool Client::asks_management() const {
  return management_ != nullptr && management_->options().query_passwords;
}

// A signature is asked for in the middle of a handshake, which goes on once the command that brings it is
// answered.
void Client::use_external_identity() {
  external_identity_ = std::make_unique<ExternalIdentity>(options_, *tls_, *management_, [this] {
    asio::post(context_, [this, attempt = attempt_] {
      if (attempt != attempt_ || !session_) return;
      session_->session().continue_tls(now());
      session_->pump();
    });
  });
  gate_.set_identity(external_identity_.get());
}

void Client::report(management::State state, std::string_view detail) const {
  if (management_ == nullptr) return;
  using enum management::State;
  management::StateDetails details;
  details.text = detail;
  const bool with_addresses = state == assign_ip || state == add_routes || state == connected;
  if (with_addresses && pushed_) {
    const TunnelPlan plan = tunnel_plan();
    if (plan.addresses.local) details.local_ipv4 = plan.addresses.local->format();
    if (plan.addresses.local_ipv6) details.local_ipv6 = plan.addresses.local_ipv6->address.format();
  }
  if (state == connected && session_) {
    details.remote_address = server_endpoint().address().format();
    details.remote_port = std::to_string(server_endpoint().port());
    const tunio::Endpoint local = tunio::local_endpoint(transport_);
    if (!local.address().is_unspecified()) {
      details.local_address = local.address().format();
      details.local_port = std::to_string(local.port());
    }
  }
  management_->report(state, details);
}

void Client::report_failed_authentication(std::string_view reason) const {
  if (management_ == nullptr) return;
  management_->notify(reason.empty() ? ">PASSWORD:Verification Failed: 'Auth'"
                                     : fmt::format(">PASSWORD:Verification Failed: 'Auth' ['{}']", reason));
}

void Client::report_tunnel(bool up) const {
  if (management_ == nullptr || !management_->options().up_down) return;
  const auto environment = tunnel_->variables();
  std::vector<std::string> lines;
  for (const auto& [name, value] : environment.variables())
    lines.push_back(fmt::format("{}={}", name, value));
  management_->notify(up ? ">UPDOWN:UP" : ">UPDOWN:DOWN", "UPDOWN", lines);
}

bool Client::send_challenge_response(std::string_view response) {
  if (!session_ || !session_->session().send_message(fmt::format("CR_RESPONSE,{}", response), now()))
    return false;
  session_->pump();
  return true;
}

}  // namespace vpnd::control
