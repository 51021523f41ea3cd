// A server's gate. The first byte chooses the wrapping; the rest is one datagram. Only the plain wrapping
// lets a fuzzer pass beyond authentication, but nothing may pass it without the cookie.

#include "proto/first_contact.hpp"

#include <array>
#include <cstdlib>

using namespace vpnd;

namespace {

crypto::KeyMaterial counting_key() {
  crypto::KeyMaterial key;
  for (std::size_t i = 0; i < 256; ++i) key.expose()[i] = static_cast<std::byte>(i);
  return key;
}

proto::FirstContactSettings settings(int wrapping) {
  proto::FirstContactSettings result;
  result.initial_limit = {};  // a limit would hide what comes later
  if (wrapping == 1) {
    result.wrap = *crypto::ControlWrap::tls_auth(crypto::StaticKey(counting_key()),
                                                 crypto::KeyDirection::normal, "SHA1");
  }
  if (wrapping >= 2) result.wrap = crypto::ControlWrap::tls_crypt(counting_key(), crypto::Role::server);
  if (wrapping == 3) {
    crypto::Secret<128> key;
    for (std::size_t i = 0; i < 128; ++i) key.expose()[i] = static_cast<std::byte>(7 * i + 3);
    result.tls_crypt_v2.emplace(std::move(key));
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::array<proto::FirstContact, 4> gates{
      proto::FirstContact(settings(0)), proto::FirstContact(settings(1)), proto::FirstContact(settings(2)),
      proto::FirstContact(settings(3))};
  if (size == 0) return 0;
  auto& gate = gates[data[0] % gates.size()];
  const auto packet = std::as_bytes(std::span(data + 1, size - 1));
  const std::array address{std::byte{192}, std::byte{0}, std::byte{2}, std::byte{1}};
  const proto::Now now{proto::TimePoint{}, 0x65000000};

  std::array<std::byte, proto::kMaxResetReplySize> reply;
  const auto verdict = gate.judge(packet, address, reply, now);
  if (const auto* const drop = std::get_if<proto::DropReason>(&verdict)) {
    if (*drop == proto::DropReason::none) std::abort();
  } else if (const auto* const answer = std::get_if<proto::ResetReply>(&verdict)) {
    if (answer->size == 0 || answer->size > 2 * packet.size()) std::abort();
  } else if (std::get<proto::NewSession>(verdict).start == proto::NewSession::Start::after_cookie) {
    std::abort();  // the cookie's key is random: no input can hold one
  }
  const auto stream_verdict = gate.judge_stream(packet, now);
  if (std::holds_alternative<proto::ResetReply>(stream_verdict)) std::abort();
  return 0;
}
