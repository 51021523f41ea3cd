// The back ends of the AEADs against each other: what one seals the other opens, and neither opens what was
// changed on the way.

#include <gtest/gtest.h>

#include "crypto/aead_library.hpp"
#include "tests/crypto/bytes.hpp"

namespace vpnd::crypto {
namespace {

using test::Bytes;
using test::counting;

// A record whose parts may be damaged. Holds what the jobs point at.
struct Record {
  explicit Record(std::size_t size)
      : plaintext(counting(size, static_cast<unsigned>(size))),
        additional_data(counting(4 + size % 37, static_cast<unsigned>(size / 3))) {
    const Bytes bytes = counting(nonce.size(), static_cast<unsigned>(size));
    std::copy_n(bytes.begin(), nonce.size(), nonce.begin());
  }

  void seal_with(AeadSealer& sealer) {
    ciphertext = Bytes(plaintext.size());
    const SealJob job{nonce,     additional_data, plaintext.data(), ciphertext.data(), plaintext.size(),
                      tag.data()};
    sealer.seal({&job, 1});
  }

  // As it lies in `ciphertext`, which becomes plaintext.
  bool opens_in_place_with(AeadOpener& opener) { return opens_with(opener, ciphertext); }

  bool opens_with(AeadOpener& opener, Bytes& into) const {
    OpenJob job{nonce, additional_data, ciphertext.data(), into.data(), ciphertext.size(), tag.data(), false};
    opener.open({&job, 1});
    return job.authentic;
  }

  Bytes plaintext;
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
    check(65536);
  }

  const Bytes key_ = counting(aead_key_size(GetParam()), 11);
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
      Bytes apart(size);
      ASSERT_TRUE(record.opens_with(*opener, apart)) << size;
      ASSERT_EQ(apart, record.plaintext) << size;
      ASSERT_TRUE(record.opens_in_place_with(*opener)) << size;
      ASSERT_EQ(record.ciphertext, record.plaintext) << size;
    });
  }
}

TEST_P(AeadAgreement, BothSealAlikeInPlaceAndApart) {
  const auto openssl = openssl_library().make_sealer(GetParam(), key_);
  const auto ipsec_mb = ipsec_mb_library().make_sealer(GetParam(), key_);
  for_each_size([&](std::size_t size) {
    Record record(size);
    record.seal_with(*openssl);
    Bytes in_place = record.plaintext;
    Bytes apart(size);
    Bytes tags(2 * kAeadTagSize);
    const SealJob jobs[] = {
        {record.nonce, record.additional_data, in_place.data(), in_place.data(), size, tags.data()},
        {record.nonce, record.additional_data, record.plaintext.data(), apart.data(), size,
         tags.data() + kAeadTagSize}};
    ipsec_mb->seal(jobs);
    ASSERT_EQ(in_place, record.ciphertext) << size;
    ASSERT_EQ(apart, record.ciphertext) << size;
    ASSERT_EQ(Bytes(tags.begin(), tags.begin() + kAeadTagSize), record.tag) << size;
    ASSERT_EQ(Bytes(tags.begin() + kAeadTagSize, tags.end()), record.tag) << size;
  });
}

TEST_P(AeadAgreement, NeitherOpensADamagedRecordOrLeavesItsPlaintext) {
  const auto sealer = openssl_library().make_sealer(GetParam(), key_);
  for (const AeadLibrary* library : {&openssl_library(), &ipsec_mb_library()}) {
    const auto opener = library->make_opener(GetParam(), key_);
    for_each_size([&](std::size_t size) {
      Record record(size);
      record.seal_with(*sealer);
      const auto damaged = [size](auto& bytes) -> std::byte& { return bytes[size * 7 % bytes.size()]; };
      const auto is_refused = [&](std::byte& byte) {
        const std::byte flipped = std::byte{1} << (size % 8);
        byte ^= flipped;
        Bytes in_place_of_it = counting(size, 3);
        const bool refused = !record.opens_with(*opener, in_place_of_it) && in_place_of_it == Bytes(size);
        byte ^= flipped;
        return refused;
      };
      ASSERT_TRUE(size == 0 || is_refused(damaged(record.ciphertext))) << size;
      ASSERT_TRUE(is_refused(damaged(record.tag))) << size;
      ASSERT_TRUE(is_refused(damaged(record.additional_data))) << size;
      ASSERT_TRUE(is_refused(damaged(record.nonce))) << size;

      damaged(record.tag) ^= std::byte{128};
      ASSERT_FALSE(record.opens_in_place_with(*opener)) << size;
      ASSERT_EQ(record.ciphertext, Bytes(size)) << size;
    });
  }
}

}  // namespace
}  // namespace vpnd::crypto
