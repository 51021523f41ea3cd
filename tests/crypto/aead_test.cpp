#include "crypto/aead.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "crypto/openssl_ptr.hpp"
#include "tests/crypto/bytes.hpp"

namespace vpnd::crypto {
namespace {

using test::Bytes;
using test::counting;
using test::from_hex;
using test::to_hex;

constexpr AeadAlgorithm kAll[] = {AeadAlgorithm::aes_128_gcm, AeadAlgorithm::aes_192_gcm,
                                  AeadAlgorithm::aes_256_gcm, AeadAlgorithm::chacha20_poly1305};

std::array<std::byte, kAeadNonceSize> nonce_of(std::span<const std::byte> bytes) {
  std::array<std::byte, kAeadNonceSize> nonce{};
  std::copy_n(bytes.begin(), nonce.size(), nonce.begin());
  return nonce;
}

struct Sealed {
  Bytes ciphertext;
  Bytes tag = Bytes(kAeadTagSize);
};

// The slow obvious way: everything new for each record, every call spelled out.
Sealed reference_seal(AeadAlgorithm algorithm, const Bytes& key, const Bytes& nonce,
                      const Bytes& additional_data, const Bytes& plaintext) {
  const EVP_CIPHER* cipher = nullptr;
  switch (algorithm) {
    case AeadAlgorithm::aes_128_gcm:
      cipher = EVP_aes_128_gcm();
      break;
    case AeadAlgorithm::aes_192_gcm:
      cipher = EVP_aes_192_gcm();
      break;
    case AeadAlgorithm::aes_256_gcm:
      cipher = EVP_aes_256_gcm();
      break;
    case AeadAlgorithm::chacha20_poly1305:
      cipher = EVP_chacha20_poly1305();
      break;
  }
  Sealed sealed{.ciphertext = Bytes(plaintext.size() + 1)};
  const CipherContextPtr context(EVP_CIPHER_CTX_new());
  int size = 0;
  EXPECT_EQ(EVP_EncryptInit_ex(context.get(), cipher, nullptr, nullptr, nullptr), 1);
  EXPECT_EQ(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN, kAeadNonceSize, nullptr), 1);
  EXPECT_EQ(EVP_EncryptInit_ex(context.get(), nullptr, nullptr, as_uchar(key.data()), as_uchar(nonce.data())),
            1);
  EXPECT_EQ(EVP_EncryptUpdate(context.get(), nullptr, &size, as_uchar(additional_data.data()),
                              static_cast<int>(additional_data.size())),
            1);
  EXPECT_EQ(EVP_EncryptUpdate(context.get(), as_uchar(sealed.ciphertext.data()), &size,
                              as_uchar(plaintext.data()), static_cast<int>(plaintext.size())),
            1);
  EXPECT_EQ(EVP_EncryptFinal_ex(context.get(), as_uchar(sealed.ciphertext.data()) + size, &size), 1);
  EXPECT_EQ(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kAeadTagSize, sealed.tag.data()), 1);
  sealed.ciphertext.pop_back();
  return sealed;
}

TEST(Aead, KnowsItsNamesInAnyCase) {
  for (const AeadAlgorithm algorithm : kAll) EXPECT_EQ(aead_from_name(aead_name(algorithm)), algorithm);
  EXPECT_EQ(aead_from_name("aes-256-gcm"), AeadAlgorithm::aes_256_gcm);
  EXPECT_EQ(aead_from_name("ChaCha20-Poly1305"), AeadAlgorithm::chacha20_poly1305);
  for (const char* unknown : {"", "AES-256-CBC", "AES-256-GC", "AES-256-GCMX", "none"}) {
    EXPECT_EQ(aead_from_name(unknown), std::nullopt) << unknown;
  }
}

TEST(Aead, RefusesKeysOfTheWrongSize) {
  for (const AeadAlgorithm algorithm : kAll) {
    const Bytes key = counting(aead_key_size(algorithm) + 1);
    EXPECT_THROW(auto sealer = make_sealer(algorithm, key), std::runtime_error);
    EXPECT_THROW(auto opener = make_opener(algorithm, std::span(key).first(key.size() - 2)),
                 std::runtime_error);
    EXPECT_NO_THROW(auto sealer = make_sealer(algorithm, std::span(key).first(key.size() - 1)));
  }
}

// docs/protocol.md §20, "Data" and "Epoch": additional data, nonce and key spelled out as the data channel
// makes them.
TEST(Aead, SealsTheKnownAnswers) {
  const Bytes plaintext = from_hex("450000140000000040010000000000000a080001");
  const struct {
    AeadAlgorithm algorithm;
    const char* key;
    const char* nonce;
    const char* additional_data;
    const char* tag;
    const char* ciphertext;
  } answers[] = {
      {AeadAlgorithm::aes_256_gcm, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
       "000000014041424344454647", "4800010200000001", "9e9d5fed4deecf7409c8181f26dcfe1f",
       "8ecb7ba96bb6a6c955bf547774360823f96539a0"},
      {AeadAlgorithm::aes_128_gcm, "000102030405060708090a0b0c0d0e0f", "000000014041424344454647",
       "4800010200000001", "de753219ac37b3eb348c2bceda26eef7", "9703fcf3dcd33a90c2dc29ad18b77aadce1f4a0b"},
      {AeadAlgorithm::chacha20_poly1305, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
       "000000014041424344454647", "4800010200000001", "f379b694dcb9ea567e818aae3682f4a6",
       "4b8432d0f3ac633ed3b7e7f346c8fdea607f55d7"},
      // epoch 1, counter 1: the nonce is 0001000000000001 00000000 XOR the epoch's iv
      {AeadAlgorithm::aes_256_gcm, "ebbbf838a8658beb56f2324d691351bd4c8c230fb271ada8f67de830b7ee3192",
       "568ce14f8f744bfa0b721f66", "480001020001000000000001", "fcb3aad9b90b508be784707c3e2629ed",
       "ade67c5330383330d54e480205bad7bff374f642"},
  };
  for (const auto& answer : answers) {
    Bytes ciphertext(plaintext.size());
    Bytes tag(kAeadTagSize);
    const Bytes additional_data = from_hex(answer.additional_data);
    const SealJob job{.nonce = nonce_of(from_hex(answer.nonce)),
                      .additional_data = additional_data,
                      .plaintext = plaintext.data(),
                      .ciphertext = ciphertext.data(),
                      .size = plaintext.size(),
                      .tag = tag.data()};
    make_sealer(answer.algorithm, from_hex(answer.key))->seal({&job, 1});
    EXPECT_EQ(to_hex(tag), answer.tag) << aead_name(answer.algorithm);
    EXPECT_EQ(to_hex(ciphertext), answer.ciphertext) << aead_name(answer.algorithm);
  }
}

class AeadSizes : public testing::TestWithParam<AeadAlgorithm> {
 protected:
  const Bytes key_ = counting(aead_key_size(GetParam()), 7);
};
INSTANTIATE_TEST_SUITE_P(AllAlgorithms, AeadSizes, testing::ValuesIn(kAll));

TEST_P(AeadSizes, AgreesWithTheObviousWayAndOpensWhatItSealed) {
  const auto sealer = make_sealer(GetParam(), key_);
  const auto opener = make_opener(GetParam(), key_);
  std::vector<std::size_t> sizes(2001);
  for (std::size_t i = 0; i < sizes.size(); ++i) sizes[i] = i;
  for (const std::size_t large : {4096UL, 16384UL, 65535UL, 65536UL, 1000003UL}) sizes.push_back(large);

  for (const std::size_t size : sizes) {
    const Bytes plaintext = counting(size, static_cast<unsigned>(size));
    const Bytes nonce = counting(kAeadNonceSize, static_cast<unsigned>(size));
    const Bytes additional_data = counting(size % 21);
    const Sealed expected = reference_seal(GetParam(), key_, nonce, additional_data, plaintext);

    // Out of place and in place in one batch. (One nonce twice is no harm to a test.)
    Bytes apart(size);
    Bytes in_place = plaintext;
    Bytes tags(2 * kAeadTagSize);
    const SealJob jobs[] = {
        {nonce_of(nonce), additional_data, plaintext.data(), apart.data(), size, tags.data()},
        {nonce_of(nonce), additional_data, in_place.data(), in_place.data(), size,
         tags.data() + kAeadTagSize}};
    sealer->seal(jobs);
    ASSERT_EQ(apart, expected.ciphertext) << size;
    ASSERT_EQ(in_place, expected.ciphertext) << size;
    ASSERT_EQ(Bytes(tags.begin(), tags.begin() + kAeadTagSize), expected.tag) << size;
    ASSERT_EQ(Bytes(tags.begin() + kAeadTagSize, tags.end()), expected.tag) << size;

    Bytes opened(size);
    OpenJob open_jobs[] = {
        {nonce_of(nonce), additional_data, apart.data(), opened.data(), size, tags.data(), false},
        {nonce_of(nonce), additional_data, in_place.data(), in_place.data(), size, tags.data(), false}};
    opener->open(open_jobs);
    ASSERT_TRUE(open_jobs[0].authentic && open_jobs[1].authentic) << size;
    ASSERT_EQ(opened, plaintext) << size;
    ASSERT_EQ(in_place, plaintext) << size;
  }
}

TEST_P(AeadSizes, RefusesEveryFlippedBitAndLeavesNoPlaintext) {
  constexpr std::size_t kSize = 40;
  const Bytes plaintext = counting(kSize, 1);
  const Bytes nonce = counting(kAeadNonceSize);
  const Bytes additional_data = counting(8);
  const Sealed sealed = reference_seal(GetParam(), key_, nonce, additional_data, plaintext);
  const auto opener = make_opener(GetParam(), key_);

  // nonce | additional data | ciphertext | tag
  Bytes record = nonce;
  record.insert(record.end(), additional_data.begin(), additional_data.end());
  record.insert(record.end(), sealed.ciphertext.begin(), sealed.ciphertext.end());
  record.insert(record.end(), sealed.tag.begin(), sealed.tag.end());
  const auto opens = [&](const Bytes& bytes, Bytes& out) {
    const std::span<const std::byte> all(bytes);
    OpenJob job{
        nonce_of(all), all.subspan(12, 8), all.data() + 20, out.data(), kSize, all.data() + 20 + kSize, true};
    opener->open({&job, 1});
    return job.authentic;
  };
  for (std::size_t bit = 0; bit < record.size() * 8; ++bit) {
    Bytes damaged = record;
    damaged[bit / 8] ^= std::byte{1} << (bit % 8);
    Bytes out = counting(kSize, 9);
    ASSERT_FALSE(opens(damaged, out)) << "bit " << bit;
    ASSERT_EQ(out, Bytes(kSize)) << "bit " << bit;
  }
  Bytes out(kSize);
  EXPECT_TRUE(opens(record, out)) << "a refusal must not spoil the key";
  EXPECT_EQ(out, plaintext);
  EXPECT_EQ(ERR_peek_error(), 0UL) << "a refusal must leave OpenSSL's queue clean";
}

TEST_P(AeadSizes, JudgesEachRecordOfABatchAlone) {
  const Bytes plaintext = counting(100);
  const Bytes nonce = counting(kAeadNonceSize);
  const Sealed sealed = reference_seal(GetParam(), key_, nonce, {}, plaintext);
  Bytes forged = sealed.ciphertext;
  forged[50] ^= std::byte{1};
  Bytes out[3] = {Bytes(100), Bytes(100), Bytes(100)};
  OpenJob jobs[] = {
      {nonce_of(nonce), {}, sealed.ciphertext.data(), out[0].data(), 100, sealed.tag.data(), false},
      {nonce_of(nonce), {}, forged.data(), out[1].data(), 100, sealed.tag.data(), false},
      {nonce_of(nonce), {}, sealed.ciphertext.data(), out[2].data(), 100, sealed.tag.data(), false},
  };
  make_opener(GetParam(), key_)->open(jobs);
  EXPECT_TRUE(jobs[0].authentic);
  EXPECT_FALSE(jobs[1].authentic);
  EXPECT_TRUE(jobs[2].authentic);
  EXPECT_EQ(out[2], plaintext);
}

}  // namespace
}  // namespace vpnd::crypto
