// What a client of the server is pushed: the answer to its request, tokens, updates.

#include <chrono>

#include "proto/push.hpp"
#include "vpnd/config/pushed_options.hpp"
#include "vpnd/control/push_list.hpp"
#include "vpnd/control/server_client.hpp"

namespace vpnd::control {

namespace {

// A client repeats PUSH_REQUEST every 5 s until it is answered; what comes soon after an answer crossed it on
// its way.
constexpr std::chrono::seconds kPushRepeat{30};

}  // namespace

void ServerClient::answer_push_request() {
  const proto::TimePoint moment = proto::Clock::now();
  if (pushed_at_ && moment - *pushed_at_ < kPushRepeat) return;
  const bool first = !pushed_at_.has_value();
  pushed_at_ = moment;

  auto options = push_list(context_.options, {.config = config_,
                                              .addresses = *addresses_,
                                              .peer_info = peer_info_,
                                              .peer_id = {index_.value},
                                              .cipher = *cipher_,
                                              .batch = batch_,
                                              .compression_stub = compression_stub_});
  if (std::string token = token_.push_option(); !token.empty()) options.push_back(std::move(token));
  const auto [error, messages] = proto::format_push_reply(options);
  if (!error.empty()) return leave("the push list cannot be sent: " + error);
  for (const std::string& text : messages) {
    if (!driver_.session().send_message(text, now()))
      return leave("the push list does not fit the control channel");
  }
  if (first && flags_.dynamic_tls_crypt) driver_.session().enable_dynamic_tls_crypt();
}

// The client shows it at the next renewal of keys.
void ServerClient::push_token() {
  const std::string token = token_.push_option();
  if (token.empty() || !pushed_at_) return;
  driver_.session().send_message("PUSH_REPLY," + token, now());
}

std::string ServerClient::push_update(const std::vector<std::string>& options) {
  if (!connected()) return "the client is not connected";
  if (!peer_info_.has(proto::ProtoBit::push_update)) return "the client does not know push updates";
  const auto [error, messages] = proto::format_push_update(options);
  if (!error.empty()) return error;
  if (std::string refusal = follow_addresses(options); !refusal.empty()) return refusal;
  for (const std::string& text : messages) {
    if (!driver_.session().send_message(text, now())) return "the update does not fit the control channel";
  }
  driver_.pump();
  return {};
}

// The client will send from the address that it is told of.
std::string ServerClient::follow_addresses(const std::vector<std::string>& options) {
  config::PushedOptions told;
  const config::Options client_side;
  for (const std::string& option : options) {
    if (option.starts_with("ifconfig ")) (void)config::apply_pushed(option, client_side, told);
  }
  if (!told.addresses.local || !told.addresses.netmask_or_peer) return {};
  const auto former = addresses_->ipv4;
  std::string refusal =
      context_.addresses.move(*addresses_, *told.addresses.local, *told.addresses.netmask_or_peer, index_);
  if (refusal.empty() && former && former != addresses_->ipv4) call_move_hooks(*former, *addresses_->ipv4);
  return refusal;
}

}  // namespace vpnd::control
