// PKCS #12 (RFC 7292): a private key, its certificate and those above it in one file under a password.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crypto/secret.hpp"

namespace vpnd::crypto {

struct Pkcs12 {
  SecretString key;    // PEM, not encrypted
  std::string cert;    // PEM
  std::string others;  // PEM: the certificates beside it; may be empty
};

enum class Pkcs12Fault { none, not_pkcs12, wrong_password, incomplete };

struct [[nodiscard]] Pkcs12Reading {
  Pkcs12Fault fault = Pkcs12Fault::none;
  std::optional<Pkcs12> contents;  // absent with a fault
};

// `der` is the file as it is; an empty password also stands for none.
Pkcs12Reading read_pkcs12(std::string_view der, const SecretString& password);

}  // namespace vpnd::crypto
