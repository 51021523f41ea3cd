#include "crypto/aead.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "crypto/aead_library.hpp"
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

// Puts the choice of the process back as it was found: automatic.
struct ChosenBackend {
  explicit ChosenBackend(AeadBackend backend) { choose_aead_backend(backend); }
  ~ChosenBackend() { choose_aead_backend(AeadBackend::automatic); }
};

TEST(Aead, TakesTheBackEndThatWasChosen) {
  for (const AeadAlgorithm algorithm : kAll) {
    const ChosenBackend chosen(AeadBackend::openssl);
    EXPECT_EQ(chosen_aead_backend(algorithm), AeadBackend::openssl);
  }
  EXPECT_NE(chosen_aead_backend(AeadAlgorithm::aes_256_gcm), AeadBackend::automatic);
}

TEST(Aead, SaysWhichBackEndItTook) {
  {
    const ChosenBackend chosen(AeadBackend::openssl);
    EXPECT_TRUE(describe_aead_backend().starts_with("OpenSSL 3.")) << describe_aead_backend();
  }
  const bool ipsec_mb = chosen_aead_backend(AeadAlgorithm::aes_256_gcm) == AeadBackend::ipsec_mb;
  EXPECT_TRUE(describe_aead_backend().starts_with(ipsec_mb ? "ipsec-mb " : "OpenSSL "))
      << describe_aead_backend();
}

TEST(Aead, RefusesABackEndThatCannotRunHere) {
  EXPECT_EQ(why_unavailable(AeadBackend::automatic), std::nullopt);
  EXPECT_EQ(why_unavailable(AeadBackend::openssl), std::nullopt);
  if (const auto obstacle = why_unavailable(AeadBackend::ipsec_mb)) {
    EXPECT_THROW(choose_aead_backend(AeadBackend::ipsec_mb), std::runtime_error) << *obstacle;
    EXPECT_EQ(chosen_aead_backend(AeadAlgorithm::aes_256_gcm), AeadBackend::openssl);
  } else {
    const ChosenBackend chosen(AeadBackend::ipsec_mb);
    EXPECT_EQ(chosen_aead_backend(AeadAlgorithm::chacha20_poly1305), AeadBackend::ipsec_mb);
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

constexpr const char* kIpHeader = "450000140000000040010000000000000a080001";
constexpr const char* kGcmText =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"
    "aa0de657ba637b39";

constexpr struct {
  AeadAlgorithm algorithm;
  const char* key;
  const char* nonce;
  const char* additional_data;
  const char* tag;
  const char* ciphertext;
  const char* plaintext;
} kAnswers[] = {
    // docs/protocol.md §20, "Data" and "Epoch": additional data, nonce and key as the data channel makes
    // them.
    {AeadAlgorithm::aes_256_gcm, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "000000014041424344454647", "4800010200000001", "9e9d5fed4deecf7409c8181f26dcfe1f",
     "8ecb7ba96bb6a6c955bf547774360823f96539a0", kIpHeader},
    {AeadAlgorithm::aes_128_gcm, "000102030405060708090a0b0c0d0e0f", "000000014041424344454647",
     "4800010200000001", "de753219ac37b3eb348c2bceda26eef7", "9703fcf3dcd33a90c2dc29ad18b77aadce1f4a0b",
     kIpHeader},
    {AeadAlgorithm::chacha20_poly1305, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "000000014041424344454647", "4800010200000001", "f379b694dcb9ea567e818aae3682f4a6",
     "4b8432d0f3ac633ed3b7e7f346c8fdea607f55d7", kIpHeader},
    // epoch 1, counter 1: the nonce is 0001000000000001 00000000 XOR the epoch's iv
    {AeadAlgorithm::aes_256_gcm, "ebbbf838a8658beb56f2324d691351bd4c8c230fb271ada8f67de830b7ee3192",
     "568ce14f8f744bfa0b721f66", "480001020001000000000001", "fcb3aad9b90b508be784707c3e2629ed",
     "ade67c5330383330d54e480205bad7bff374f642", kIpHeader},
    // McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 4, 10 and 16.
    {AeadAlgorithm::aes_128_gcm, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2", "5bc94fbc3221a5db94fae95ae7121a47",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b3"
     "9"
     "6a0aac973d58e091",
     kGcmText},
    {AeadAlgorithm::aes_192_gcm, "feffe9928665731c6d6a8f9467308308feffe9928665731c",
     "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "2519498e80f1478f37ba55bd6d27618c",
     "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448"
     "b"
     "2fe324d9ccda2710",
     kGcmText},
    {AeadAlgorithm::aes_256_gcm, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "76fc6ece0f4e1768cddf8853bb2d551b",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6"
     "3"
     "93ba7a0abcc9f662",
     kGcmText},
    // RFC 8439, section 2.8.2.
    {AeadAlgorithm::chacha20_poly1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7", "1ae10b594f09e26a7e902ecbd0600691",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0"
     "a"
     "9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9"
     "d"
     "e576d26586cec64b6116",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c6"
     "4"
     "206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776"
     "f"
     "756c642062652069742e"},
};

const AeadLibrary& library_of(AeadBackend backend) {
  return backend == AeadBackend::ipsec_mb ? ipsec_mb_library() : openssl_library();
}

const char* name_of(AeadBackend backend) {
  return backend == AeadBackend::ipsec_mb ? "ipsec_mb" : "openssl";
}

constexpr AeadBackend kBackends[] = {AeadBackend::openssl, AeadBackend::ipsec_mb};

class AeadBackends : public testing::TestWithParam<AeadBackend> {
 protected:
  void SetUp() override {
    if (const auto obstacle = why_unavailable(GetParam())) GTEST_SKIP() << *obstacle;
  }
};
INSTANTIATE_TEST_SUITE_P(Each, AeadBackends, testing::ValuesIn(kBackends),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(AeadBackends, SealsTheKnownAnswers) {
  for (const auto& answer : kAnswers) {
    const Bytes plaintext = from_hex(answer.plaintext);
    Bytes ciphertext(plaintext.size());
    Bytes tag(kAeadTagSize);
    const Bytes additional_data = from_hex(answer.additional_data);
    const SealJob job{.nonce = nonce_of(from_hex(answer.nonce)),
                      .additional_data = additional_data,
                      .plaintext = plaintext.data(),
                      .ciphertext = ciphertext.data(),
                      .size = plaintext.size(),
                      .tag = tag.data()};
    library_of(GetParam()).make_sealer(answer.algorithm, from_hex(answer.key))->seal({&job, 1});
    EXPECT_EQ(to_hex(tag), answer.tag) << aead_name(answer.algorithm);
    EXPECT_EQ(to_hex(ciphertext), answer.ciphertext) << aead_name(answer.algorithm);
  }
}

class AeadSizes : public testing::TestWithParam<std::tuple<AeadBackend, AeadAlgorithm>> {
 protected:
  void SetUp() override {
    if (const auto obstacle = why_unavailable(std::get<AeadBackend>(GetParam()))) GTEST_SKIP() << *obstacle;
  }
  const AeadLibrary& library() const { return library_of(std::get<AeadBackend>(GetParam())); }

  const AeadAlgorithm algorithm_ = std::get<AeadAlgorithm>(GetParam());
  const Bytes key_ = counting(aead_key_size(algorithm_), 7);
};
INSTANTIATE_TEST_SUITE_P(All, AeadSizes,
                         testing::Combine(testing::ValuesIn(kBackends), testing::ValuesIn(kAll)));

TEST_P(AeadSizes, AgreesWithTheObviousWayAndOpensWhatItSealed) {
  const auto sealer = library().make_sealer(algorithm_, key_);
  const auto opener = library().make_opener(algorithm_, key_);
  std::vector<std::size_t> sizes(2001);
  for (std::size_t i = 0; i < sizes.size(); ++i) sizes[i] = i;
  for (const std::size_t large : {4096UL, 16384UL, 65535UL, 65536UL, 1000003UL}) sizes.push_back(large);

  for (const std::size_t size : sizes) {
    const Bytes plaintext = counting(size, static_cast<unsigned>(size));
    const Bytes nonce = counting(kAeadNonceSize, static_cast<unsigned>(size));
    const Bytes additional_data = counting(size % 21);
    const Sealed expected = reference_seal(algorithm_, key_, nonce, additional_data, plaintext);

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
  const Sealed sealed = reference_seal(algorithm_, key_, nonce, additional_data, plaintext);
  const auto opener = library().make_opener(algorithm_, key_);

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
  const Sealed sealed = reference_seal(algorithm_, key_, nonce, {}, plaintext);
  Bytes forged = sealed.ciphertext;
  forged[50] ^= std::byte{1};
  Bytes out[3] = {Bytes(100), Bytes(100), Bytes(100)};
  OpenJob jobs[] = {
      {nonce_of(nonce), {}, sealed.ciphertext.data(), out[0].data(), 100, sealed.tag.data(), false},
      {nonce_of(nonce), {}, forged.data(), out[1].data(), 100, sealed.tag.data(), false},
      {nonce_of(nonce), {}, sealed.ciphertext.data(), out[2].data(), 100, sealed.tag.data(), false},
  };
  library().make_opener(algorithm_, key_)->open(jobs);
  EXPECT_TRUE(jobs[0].authentic);
  EXPECT_FALSE(jobs[1].authentic);
  EXPECT_TRUE(jobs[2].authentic);
  EXPECT_EQ(out[2], plaintext);
}

}  // namespace
}  // namespace vpnd::crypto
