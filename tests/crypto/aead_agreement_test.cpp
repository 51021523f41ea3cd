// The back ends of the AEADs against each other: what one seals the other opens, and neither opens what was
// changed on the way.

#include <gtest/gtest.h>

#include <cstring>

#include "crypto/aead_library.hpp"
#include "tests/crypto/bytes.hpp"

namespace vpnd::crypto {
namespace {

using test::Bytes;
using test::counting;

constexpr std::size_t kLargest = 65536;

// Bytes of every kind to cut texts from, and zeros. Made once and compared with memcmp, for the tests go
// through some ten thousand sizes, in slow builds as well.
const Bytes kPattern = counting(kLargest + 256, 77);
const Bytes kZeros(kLargest);

bool equal(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

bool is_zero(std::span<const std::byte> bytes) {
  return equal(bytes, std::span(kZeros).first(bytes.size()));
}

// A record whose parts may be damaged. Holds what the jobs point at.
struct Record {
  explicit Record(std::size_t size)
      : plaintext(std::span(kPattern).subspan(size % 251, size)),
        additional_data(counting(4 + size % 37, static_cast<unsigned>(size / 3))) {
    std::copy_n(kPattern.begin() + static_cast<std::ptrdiff_t>(size % 251), nonce.size(), nonce.begin());
  }

  void seal_with(AeadSealer& sealer) {
    ciphertext.resize(plaintext.size());
    const SealJob job{nonce,     additional_data, plaintext.data(), ciphertext.data(), plaintext.size(),
                      tag.data()};
    sealer.seal({&job, 1});
  }

  // As it lies in `ciphertext`, which becomes plaintext.
  bool opens_in_place_with(AeadOpener& opener) { return opens_with(opener, ciphertext); }

  bool opens_with(AeadOpener& opener, std::span<std::byte> into) const {
    OpenJob job{nonce, additional_data, ciphertext.data(), into.data(), ciphertext.size(), tag.data(), false};
    opener.open({&job, 1});
    return job.authentic;
  }

  std::span<const std::byte> plaintext;
  Bytes additional_data;
  std::array<std::byte, kAeadNonceSize> nonce{};
  Bytes ciphertext;
  Bytes tag = Bytes(kAeadTagSize);
};

class AeadAgreement : public testing::TestWithParam<AeadAlgorithm> {
 protected:
  void SetUp() override {
    if (const auto obstacle = why_unavailable(AeadBackend::ipsec_mb)) GTEST_SKIP() << *obstacle;
  }

  // Every size up to a jumbo frame, and the largest record.
  template <typename Check>
  void for_each_size(Check check) {
    for (std::size_t size = 0; size <= 9000 && !HasFatalFailure(); ++size) check(size);
    check(kLargest);
  }

  const Bytes key_ = counting(aead_key_size(GetParam()), 11);
  Bytes buffer_ = Bytes(kLargest);
};
INSTANTIATE_TEST_SUITE_P(All, AeadAgreement,
                         testing::Values(AeadAlgorithm::aes_128_gcm, AeadAlgorithm::aes_192_gcm,
                                         AeadAlgorithm::aes_256_gcm, AeadAlgorithm::chacha20_poly1305));

TEST_P(AeadAgreement, EachOpensWhatTheOtherSealed) {
  const AeadLibrary* const pairs[][2] = {{&openssl_library(), &ipsec_mb_library()},
                                         {&ipsec_mb_library(), &openssl_library()}};
  for (const auto& [from, to] : pairs) {
    const auto sealer = from->make_sealer(GetParam(), key_);
    const auto opener = to->make_opener(GetParam(), key_);
    for_each_size([&](std::size_t size) {
      Record record(size);
      record.seal_with(*sealer);
      const auto apart = std::span(buffer_).first(size);
      ASSERT_TRUE(record.opens_with(*opener, apart)) << size;
      ASSERT_TRUE(equal(apart, record.plaintext)) << size;
      ASSERT_TRUE(record.opens_in_place_with(*opener)) << size;
      ASSERT_TRUE(equal(record.ciphertext, record.plaintext)) << size;
    });
  }
}

TEST_P(AeadAgreement, BothSealAlikeInPlaceAndApart) {
  const auto openssl = openssl_library().make_sealer(GetParam(), key_);
  const auto ipsec_mb = ipsec_mb_library().make_sealer(GetParam(), key_);
  Bytes in_place(kLargest);
  for_each_size([&](std::size_t size) {
    Record record(size);
    record.seal_with(*openssl);
    if (size != 0) std::memcpy(in_place.data(), record.plaintext.data(), size);
    std::array<std::byte, kAeadTagSize> tags[2];
    const SealJob jobs[] = {
        {record.nonce, record.additional_data, in_place.data(), in_place.data(), size, tags[0].data()},
        {record.nonce, record.additional_data, record.plaintext.data(), buffer_.data(), size,
         tags[1].data()}};
    ipsec_mb->seal(jobs);
    ASSERT_TRUE(equal(std::span(in_place).first(size), record.ciphertext)) << size;
    ASSERT_TRUE(equal(std::span(buffer_).first(size), record.ciphertext)) << size;
    ASSERT_TRUE(equal(tags[0], record.tag)) << size;
    ASSERT_TRUE(equal(tags[1], record.tag)) << size;
  });
}

TEST_P(AeadAgreement, NeitherOpensADamagedRecordOrLeavesItsPlaintext) {
  const auto sealer = openssl_library().make_sealer(GetParam(), key_);
  for (const AeadLibrary* library : {&openssl_library(), &ipsec_mb_library()}) {
    const auto opener = library->make_opener(GetParam(), key_);
    for_each_size([&](std::size_t size) {
      Record record(size);
      record.seal_with(*sealer);
      const auto apart = std::span(buffer_).first(size);
      const auto one_of = [size](auto& bytes) -> std::byte& { return bytes[size * 7 % bytes.size()]; };
      const auto is_refused = [&](std::byte& byte) {
        const std::byte flipped = std::byte{1} << (size % 8);
        byte ^= flipped;
        if (size != 0) std::memcpy(apart.data(), record.plaintext.data(), size);  // must not stay
        const bool refused = !record.opens_with(*opener, apart) && is_zero(apart);
        byte ^= flipped;
        return refused;
      };
      ASSERT_TRUE(size == 0 || is_refused(one_of(record.ciphertext))) << size;
      ASSERT_TRUE(is_refused(one_of(record.tag))) << size;
      ASSERT_TRUE(is_refused(one_of(record.additional_data))) << size;
      ASSERT_TRUE(is_refused(one_of(record.nonce))) << size;

      one_of(record.tag) ^= std::byte{128};
      ASSERT_FALSE(record.opens_in_place_with(*opener)) << size;
      ASSERT_TRUE(is_zero(record.ciphertext)) << size;
    });
  }
}

}  // namespace
}  // namespace vpnd::crypto
