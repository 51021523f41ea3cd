// Challenges of a second factor, by the text forms that OpenVPN and its user interfaces agree on.
//
//   static   the question stands in the configuration; the answer goes along with the password:
//            SCRV1:base64(password):base64(response)
//   dynamic  the server asks, in AUTH_FAILED: CRV1:flags:state:base64(user):question
//            the next password is CRV1::state::response

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crypto/secret.hpp"

namespace vpnd::management {

struct DynamicChallenge {
  bool echo = false;      ///< the response may be seen while it is typed
  bool response = false;  ///< one is wanted
  std::string state;      ///< to be sent back as it is
  std::string username;   ///< printable
  std::string question;
};

/// The text of AUTH_FAILED, from "CRV1:" on. Nothing if it is malformed.
std::optional<DynamicChallenge> parse_dynamic_challenge(std::string_view text);

/// The password that answers it.
crypto::SecretString dynamic_response(const DynamicChallenge& challenge, std::string_view response);

/// The password with the response to a static challenge in it.
crypto::SecretString static_response(std::string_view password, std::string_view response);

}  // namespace vpnd::management
