// Handshakes whose signature comes from somebody else, with the real key in a keeper's hands.

#include "crypto/external_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>

#include "crypto/openssl_ptr.hpp"
#include "crypto/tls.hpp"
#include "tests/crypto/bytes.hpp"
#include "tests/support/rsa_identity.hpp"
#include "tests/support/test_pki.hpp"

namespace vpnd::crypto {
namespace {

using test::Identity;
using testing::HasSubstr;
using Scheme = SignatureRequest::Scheme;
using Status = TlsSession::Status;
using ContextPtr = OpenSslPtr<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;

// Signs as a smart card would, now or when told to.
class Keeper final : public KeyKeeper {
 public:
  explicit Keeper(const std::string& pem) {
    const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    key_.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  }

  void sign(SignatureRequest request, Done done) override {
    schemes.push_back(request.scheme);
    auto signature = make(request);
    if (at_once) return done(std::move(signature));
    done_ = std::move(done);
    signature_ = std::move(signature);
  }
  bool asked() const { return done_ != nullptr; }
  void answer() { std::exchange(done_, nullptr)(std::move(signature_)); }
  void answer(std::optional<Signature> other) { std::exchange(done_, nullptr)(std::move(other)); }

  std::optional<Signature> make(const SignatureRequest& request) const {
    const ContextPtr context(EVP_PKEY_CTX_new(key_.get(), nullptr));
    EXPECT_EQ(EVP_PKEY_sign_init(context.get()), 1);
    const int padding = request.scheme == Scheme::rsa_raw ? RSA_NO_PADDING : RSA_PKCS1_PADDING;
    if (request.scheme != Scheme::ecdsa) {
      EXPECT_GT(EVP_PKEY_CTX_set_rsa_padding(context.get(), padding), 0);
    }
    std::size_t size = 0;
    EXPECT_EQ(
        EVP_PKEY_sign(context.get(), nullptr, &size, as_uchar(request.data.data()), request.data.size()), 1);
    Signature signature(size);
    EXPECT_EQ(EVP_PKEY_sign(context.get(), as_uchar(signature.data()), &size, as_uchar(request.data.data()),
                            request.data.size()),
              1);
    signature.resize(size);
    return signature;
  }

  bool at_once = false;
  std::vector<Scheme> schemes;

 private:
  KeyPtr key_;
  Done done_;
  std::optional<Signature> signature_;
};

class ExternalKey : public testing::Test {
 protected:
  ExternalKey() {
    server_.role = Role::server;
    const Identity identity = ca_.issue_server();
    server_.cert = identity.cert;
    server_.key = SecretString(std::string_view(identity.key));
    client_.ca = server_.ca = ca_.cert();
    client_.external_key = true;
  }

  // The client's end is ours, the key is the keeper's.
  void begin(const Identity& identity, RsaSchemes schemes = RsaSchemes::pkcs1_and_raw) {
    keeper_ = std::make_unique<Keeper>(identity.key);
    keeper_->at_once = at_once_;
    TlsContext context(client_);
    context.use_external_key(identity.cert, *keeper_, schemes);
    client_end_.emplace(context);
    server_end_.emplace(TlsContext(server_));
    (void)client_end_->advance();
    carry();
  }
  void carry() {
    std::vector<std::byte> buffer(1200);
    const auto move = [&](TlsSession& from, TlsSession& to) {
      bool moved = false;
      while (const std::size_t size = from.take_ciphertext(buffer)) {
        (void)to.feed(std::span(buffer).first(size));
        moved = true;
      }
      return moved;
    };
    while (move(*client_end_, *server_end_) || move(*server_end_, *client_end_)) {
    }
  }
  void go_on() {
    (void)client_end_->advance();
    carry();
  }
  bool established() const { return client_end_->established() && server_end_->established(); }

  test::TestCa ca_;
  TlsSettings server_;
  TlsSettings client_;
  bool at_once_ = false;
  std::unique_ptr<Keeper> keeper_;
  std::optional<TlsSession> client_end_;
  std::optional<TlsSession> server_end_;
};

TEST_F(ExternalKey, SignsForEitherVersionAndKindOfKey) {
  const Identity ec = ca_.issue_client();
  const Identity rsa = test::make_rsa_identity("rsa client", 2048);
  server_.ca += rsa.cert;
  for (const TlsVersion version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    client_.version_max = version;
    for (const Identity* identity : {&ec, &rsa}) {
      for (const bool at_once : {true, false}) {
        at_once_ = at_once;
        begin(*identity);
        if (!at_once) {
          EXPECT_FALSE(established());
          ASSERT_TRUE(keeper_->asked());
          keeper_->answer();
          EXPECT_EQ(client_end_->status(), Status::handshaking) << "goes on when told to";
          go_on();
        }
        ASSERT_TRUE(established()) << client_end_->failure() << server_end_->failure();
        EXPECT_EQ(server_end_->peer_certificate()->common_name, identity == &ec ? "client" : "rsa client");
        EXPECT_EQ(keeper_->schemes.size(), 1U);
      }
    }
  }
}

TEST_F(ExternalKey, AsksForPssAsTheBareOperation) {
  const Identity rsa = test::make_rsa_identity("rsa client", 2048);
  server_.ca += rsa.cert;
  at_once_ = true;
  begin(rsa);
  ASSERT_TRUE(established());
  EXPECT_THAT(client_end_->protocol_description(), HasSubstr("TLSv1.3"));
  EXPECT_EQ(keeper_->schemes, std::vector{Scheme::rsa_raw});
}

TEST_F(ExternalKey, LeavesOutPssWhereTheKeeperCannotDoIt) {
  const Identity rsa = test::make_rsa_identity("rsa client", 2048);
  server_.ca += rsa.cert;
  at_once_ = true;
  begin(rsa, RsaSchemes::pkcs1);
  ASSERT_TRUE(established()) << client_end_->failure() << server_end_->failure();
  EXPECT_THAT(client_end_->protocol_description(), HasSubstr("TLSv1.2"));
  EXPECT_EQ(keeper_->schemes, std::vector{Scheme::rsa_pkcs1});

  client_.version_min = TlsVersion::v1_3;
  EXPECT_THROW(begin(rsa, RsaSchemes::pkcs1), TlsError);
}

TEST_F(ExternalKey, TakesWhatComesWhileItWaits) {
  begin(ca_.issue_client());
  ASSERT_TRUE(keeper_->asked());
  EXPECT_EQ(client_end_->feed({}), Status::handshaking);
  EXPECT_EQ(client_end_->advance(), Status::handshaking);
  keeper_->answer();
  go_on();
  EXPECT_TRUE(established());
}

TEST_F(ExternalKey, FailsWithoutASignature) {
  begin(ca_.issue_client());
  keeper_->answer(std::nullopt);
  go_on();
  EXPECT_EQ(client_end_->status(), Status::failed);
  EXPECT_THAT(client_end_->failure(), HasSubstr("gave no valid signature"));
}

TEST_F(ExternalKey, FailsWithASignatureThatIsNone) {
  const Identity rsa = test::make_rsa_identity("rsa client", 2048);
  server_.ca += rsa.cert;
  for (const std::size_t size : {std::size_t{1}, std::size_t{72}, std::size_t{5000}}) {
    for (const Identity& identity : {ca_.issue_client(), rsa}) {
      begin(identity);
      keeper_->answer(Signature(size, std::byte{0x30}));
      go_on();
      EXPECT_EQ(client_end_->status(), Status::failed);
      EXPECT_THAT(client_end_->failure(), HasSubstr("gave no valid signature"));
    }
  }
}

TEST_F(ExternalKey, IsFoundOutWithAnotherKeysSignature) {
  begin(ca_.issue_client());
  const Keeper other(ca_.issue_client().key);
  keeper_->answer(other.make({Scheme::ecdsa, std::vector<std::byte>(32)}));
  go_on();
  EXPECT_FALSE(server_end_->established());
}

TEST_F(ExternalKey, MayOutliveASessionThatGaveUpWaiting) {
  begin(ca_.issue_client());
  ASSERT_TRUE(keeper_->asked());
  client_end_.reset();
  keeper_->answer();
}

TEST_F(ExternalKey, SaysWhatIsWrongWithACertificate) {
  Keeper keeper(ca_.issue_client().key);
  TlsContext context(client_);
  EXPECT_THROW(context.use_external_key("nothing", keeper, RsaSchemes::pkcs1), TlsError);
  EXPECT_THROW(context.use_external_key("", keeper, RsaSchemes::pkcs1), TlsError);
}

}  // namespace
}  // namespace vpnd::crypto
