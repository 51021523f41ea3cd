// What a daemon asks its management clients. Whoever of them answers first is heard.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/secret.hpp"

namespace vpnd::management {

struct Question {
  enum class Kind : std::uint8_t { user_and_password, password, confirmation, string };

  Kind kind = Kind::user_and_password;
  std::string type;  ///< "Auth", "Private Key", …
  std::string text;  ///< behind the question: " SC:1,…", " MSG:…", or nothing

  /// ">PASSWORD:Need 'Auth' username/password" and the like.
  std::string format() const;
};

struct Answer {
  std::string username;
  crypto::SecretString text;  ///< the password, confirmation or string
};

/// The question that is open, and as much of its answer as has come.
class OpenQuestion {
 public:
  using Done = std::function<void(Answer&&)>;

  OpenQuestion(Question question, Done done) : question_(std::move(question)), done_(std::move(done)) {}

  const Question& question() const noexcept { return question_; }
  void set_username(std::string_view name) {
    answer_.username = name;
    named_ = true;
  }
  void set_text(std::string_view text) {
    answer_.text = crypto::SecretString(text);
    given_ = true;
  }
  bool complete() const noexcept {
    return given_ && (named_ || question_.kind != Question::Kind::user_and_password);
  }
  void finish() { done_(std::move(answer_)); }

 private:
  Question question_;
  Done done_;
  Answer answer_;
  bool named_ = false;
  bool given_ = false;
};

/// What `remote` says about the server that is to be tried.
struct RemoteChoice {
  enum class Kind : std::uint8_t { accept, modify, skip };
  Kind kind = Kind::accept;
  std::string host;        ///< modify
  std::uint16_t port = 0;  ///< modify
  unsigned count = 1;      ///< skip
};

/// What `proxy` says.
struct ProxyChoice {
  enum class Kind : std::uint8_t { none, http, socks };
  Kind kind = Kind::none;
  std::string host;
  std::uint16_t port = 0;
};

}  // namespace vpnd::management
