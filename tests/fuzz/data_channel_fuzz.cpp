// The data channel against arbitrary bytes. Input: one byte of choices, then chunks of kind (1 byte), length
// (1 byte), bytes. Kind 0 is a payload to be sealed and opened, kind 1 a packet somebody forged, kind 2 a
// frame to be stripped.

#include "proto/stock_channel.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "proto/compression_framing.hpp"

namespace {

using namespace vpnd;
using Bytes = std::vector<std::byte>;

constexpr proto::KeyId kKey{1};

void require(bool holds) {
  if (!holds) std::abort();
}

void check_round_trip(proto::DataSealer& sealer, proto::DataOpener& opener, const Bytes& payload) {
  Bytes wire(sealer.overhead() + payload.size());
  const proto::PlainRecord plain = {payload.data(), payload.size(), wire.data()};
  require(sealer.seal({&plain, 1}) == 1);
  proto::OpenRecord record{.wire = wire};
  opener.open({&record, 1});
  require(record.drop == proto::DropReason::none && std::ranges::equal(record.plaintext, payload));
  opener.open({&record, 1});
  require(record.drop != proto::DropReason::none);
}

// Nobody without the key can make a packet that opens.
void check_forgery(proto::DataOpener& opener, Bytes wire) {
  proto::OpenRecord record{.wire = wire};
  opener.open({&record, 1});
  require(record.drop != proto::DropReason::none && record.plaintext.empty());
}

void check_framing(proto::CompressionFraming framing, Bytes frame) {
  const auto [drop, payload] = proto::strip_framing(framing, frame);
  require((drop == proto::DropReason::none) == !payload.empty());
  require(payload.size() <= frame.size());
  proto::is_ping(payload);
  proto::occ_op(payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const unsigned choices = data[0];
  const auto algorithm = static_cast<crypto::AeadAlgorithm>(choices & 3);
  const auto framing = static_cast<proto::CompressionFraming>(choices >> 2 & 3);
  const auto peer = (choices & 16) != 0 ? std::optional(proto::PeerId{7}) : std::nullopt;
  crypto::KeyMaterial keys;
  std::ranges::fill(keys.expose(), std::byte{0x5a});
  proto::StockSealer sealer(algorithm, keys, crypto::Role::client, kKey, peer);
  proto::StockOpener opener(algorithm, keys, crypto::Role::server, kKey);

  std::span rest(reinterpret_cast<const std::byte*>(data + 1), size - 1);
  while (rest.size() >= 2) {
    const auto kind = std::to_integer<unsigned>(rest[0]) % 3;
    const std::size_t length = std::min(std::to_integer<std::size_t>(rest[1]), rest.size() - 2);
    const Bytes bytes(rest.begin() + 2, rest.begin() + 2 + static_cast<std::ptrdiff_t>(length));
    rest = rest.subspan(2 + length);
    if (kind == 0 && !bytes.empty()) check_round_trip(sealer, opener, bytes);
    if (kind == 1) check_forgery(opener, bytes);
    if (kind == 2) check_framing(framing, bytes);
  }
  return 0;
}
