// What a stranger's first packet meets on a tls-crypt-v2 server, and the key files of both ends.
//
// The first byte chooses: a packet as it comes, a packet whose WKc is given a right tag (else no mutation
// would ever come behind it), or a file.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/control_auth.hpp"
#include "crypto/tls_crypt_v2.hpp"

namespace {

using namespace vpnd::crypto;

const TlsCryptV2ServerKey& server_key() {
  static const TlsCryptV2ServerKey kKey = [] {
    Secret<128> key;
    for (unsigned i = 0; i < 128; ++i) key.expose()[i] = static_cast<std::byte>((7 * i + 3) & 255);
    return TlsCryptV2ServerKey(std::move(key));
  }();
  return kKey;
}

void receive(std::span<const std::byte> packet) {
  const auto split = split_wrapped_key(packet);
  if (!split) return;
  if (split->packet.size() + split->wrapped.size() != packet.size()) std::abort();
  const auto client = server_key().unwrap(split->wrapped);
  if (!client) return;
  if (client->metadata) (void)client->metadata->as_timestamp();
  std::array<std::byte, 2048> scratch;
  (void)ControlWrap::tls_crypt(client->key, Role::server).unwrap(split->packet, scratch);
}

// The input is the metadata; the rest of the packet is made around it.
void receive_authentic(std::span<const std::byte> input) {
  TlsCryptMetadata metadata;
  if (!input.empty()) metadata.type = std::to_integer<std::uint8_t>(input[0]);
  if (!input.empty()) metadata.bytes.assign(input.begin() + 1, input.end());
  const KeyMaterial client_key;
  const std::vector<std::byte> wrapped = server_key().wrap(client_key, metadata);
  if (wrapped.empty() != (metadata.bytes.size() > kMaxMetadataSize)) std::abort();
  if (wrapped.empty()) return;
  const auto client = server_key().unwrap(wrapped);
  if (!client || !client->metadata || client->metadata->bytes != metadata.bytes) std::abort();

  std::vector<std::byte> packet;
  ControlWrap::tls_crypt(client_key, Role::client).wrap(ControlHeader{}, std::array<std::byte, 5>{}, packet);
  packet.insert(packet.end(), wrapped.begin(), wrapped.end());
  receive(packet);
}

void read_files(std::string_view text) {
  (void)TlsCryptV2ServerKey::parse(text);
  const auto key = TlsCryptV2ClientKey::parse(text);
  if (!key) return;
  const auto again = TlsCryptV2ClientKey::parse(key->format().expose());
  if (!again || again->wrapped != key->wrapped) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto input = std::as_bytes(std::span(data, size)).subspan(1);
  switch (data[0] % 3) {
    case 0:
      receive(input);
      break;
    case 1:
      receive_authentic(input);
      break;
    default:
      read_files({reinterpret_cast<const char*>(input.data()), input.size()});
  }
  return 0;
}
