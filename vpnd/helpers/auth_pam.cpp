// vpnd-auth-pam SERVICE [PROMPT ANSWER]…: asks PAM about user names and passwords for vpnd, which starts it
// before it gives up its privileges, since PAM needs them.
//
// Standard output is a socket of vpnd's. A question is a datagram, and so is its answer:
//
//   question   number (8 octets, as the machine has them)   user name NUL password NUL common name
//   answer     number                                       '1' or '0', and what PAM says, for the log
//
// Each question is a process of its own: modules may take their time. The end of the socket ends it all.
//
// A PROMPT is how PAM's question begins, whatever the case of its letters; in the ANSWER to it USERNAME,
// PASSWORD, COMMONNAME and OTP stand for what the client sent. Without any, questions whose answer may be
// seen are answered with the user name, the others with the password. As OpenVPN's plugin does it.

#include <security/pam_appl.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vpnd/config/base64.hpp"

namespace {

constexpr int kSocket = STDOUT_FILENO;
constexpr std::size_t kNumberSize = 8, kLongestQuestion = 8192;

struct Prompt {
  std::string beginning;
  std::string answer;
};

struct Question {
  std::string username;
  std::string password;
  std::string otp;
  std::string common_name;
};

void wipe_text(std::string& text) {
  ::explicit_bzero(text.data(), text.size());
}

std::string take_field(std::string_view& rest) {
  const std::size_t end = rest.find('\0');
  std::string field(rest.substr(0, end));
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return field;
}

// A static challenge: "SCRV1:" password ":" answer, both in base64.
void split_static_challenge(Question& question) {
  constexpr std::string_view kMark = "SCRV1:";
  if (!question.password.starts_with(kMark)) return;
  const std::string_view both = std::string_view(question.password).substr(kMark.size());
  const std::size_t colon = both.find(':');
  if (colon == std::string_view::npos) return;
  auto password = vpnd::config::decode_base64(both.substr(0, colon));
  auto otp = vpnd::config::decode_base64(both.substr(colon + 1));
  if (!password || !otp) return;
  wipe_text(question.password);
  question.password = std::move(*password);
  question.otp = std::move(*otp);
}

Question parse_question(std::string_view text) {
  Question question;
  question.username = take_field(text);
  question.password = take_field(text);
  question.common_name = take_field(text);
  split_static_challenge(question);
  return question;
}

bool asks_for(const char* text, const std::string& beginning) {
  while (*text != '\0' && std::isalnum(static_cast<unsigned char>(*text)) == 0) ++text;
  return ::strncasecmp(text, beginning.c_str(), beginning.size()) == 0;
}

std::string fill_in(std::string answer, const Question& question) {
  const std::pair<std::string_view, const std::string&> words[] = {{"USERNAME", question.username},
                                                                   {"PASSWORD", question.password},
                                                                   {"COMMONNAME", question.common_name},
                                                                   {"OTP", question.otp}};
  for (std::size_t at = 0; at < answer.size();) {
    std::size_t step = 1;
    for (const auto& [word, value] : words) {
      if (answer.compare(at, word.size(), word) != 0) continue;
      answer.replace(at, word.size(), value);
      step = value.size();
      break;
    }
    at += step;
  }
  return answer;
}

struct Conversation {
  const std::vector<Prompt>& prompts;
  const Question& question;
};

std::string answer_to(const pam_message& message, const Conversation& conversation) {
  for (const Prompt& prompt : conversation.prompts)
    if (asks_for(message.msg, prompt.beginning)) return fill_in(prompt.answer, conversation.question);
  if (!conversation.prompts.empty()) return {};
  return message.msg_style == PAM_PROMPT_ECHO_ON ? conversation.question.username
                                                 : conversation.question.password;
}

// The answers belong to PAM, which frees them.
int converse(int count, const pam_message** messages, pam_response** answers, void* data) {
  const auto& conversation = *static_cast<const Conversation*>(data);
  if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
  auto* const given =
      static_cast<pam_response*>(std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
  if (given == nullptr) return PAM_BUF_ERR;
  for (int i = 0; i < count; ++i) {
    const int style = messages[i]->msg_style;
    if (style != PAM_PROMPT_ECHO_ON && style != PAM_PROMPT_ECHO_OFF) continue;
    std::string answer = answer_to(*messages[i], conversation);
    given[i].resp = ::strdup(answer.c_str());
    wipe_text(answer);
  }
  *answers = given;
  return PAM_SUCCESS;
}

struct Verdict {
  bool right = false;
  std::string text;
};

Verdict ask_pam(const std::string& service, const std::vector<Prompt>& prompts, const Question& question) {
  Conversation conversation{prompts, question};
  const pam_conv callback{converse, &conversation};
  pam_handle_t* handle = nullptr;
  int status = ::pam_start(service.c_str(), question.username.c_str(), &callback, &handle);
  if (status != PAM_SUCCESS) return {false, "PAM cannot be started"};
  status = ::pam_authenticate(handle, PAM_SILENT);
  if (status == PAM_SUCCESS) status = ::pam_acct_mgmt(handle, PAM_SILENT);
  Verdict verdict{status == PAM_SUCCESS, ::pam_strerror(handle, status)};
  ::pam_end(handle, status);
  return verdict;
}

void answer_question(std::string_view datagram, const std::string& service,
                     const std::vector<Prompt>& prompts) {
  Question question = parse_question(datagram.substr(kNumberSize));
  const Verdict verdict = ask_pam(service, prompts, question);
  wipe_text(question.password);
  wipe_text(question.otp);
  const std::string answer =
      std::string(datagram.substr(0, kNumberSize)) + (verdict.right ? '1' : '0') + verdict.text;
  (void)::send(kSocket, answer.data(), answer.size(), MSG_NOSIGNAL);
}

// Words may come as one argument, as OpenVPN's plugin takes them.
std::vector<std::string> words_of(int count, char** arguments) {
  std::vector<std::string> words;
  for (int i = 1; i < count; ++i) {
    std::string_view rest = arguments[i];
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      if (end > 0) words.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return words;
}

int serve(const std::string& service, const std::vector<Prompt>& prompts) {
  std::array<char, kLongestQuestion> datagram{};
  for (;;) {
    const ssize_t size = ::recv(kSocket, datagram.data(), datagram.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return size == 0 ? 0 : 1;
    if (static_cast<std::size_t>(size) < kNumberSize) continue;
    const pid_t child = ::fork();
    if (child == 0) {
      (void)::signal(SIGCHLD, SIG_DFL);  // modules wait for helpers of their own
      answer_question({datagram.data(), static_cast<std::size_t>(size)}, service, prompts);
      ::_exit(0);
    }
    ::explicit_bzero(datagram.data(), datagram.size());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words = words_of(argc, argv);
  if (words.empty() || words.size() % 2 == 0) {
    constexpr std::string_view kUsage = "usage: vpnd-auth-pam SERVICE [PROMPT ANSWER]..., by vpnd only\n";
    (void)!::write(STDERR_FILENO, kUsage.data(), kUsage.size());
    return 2;
  }
  (void)::signal(SIGCHLD, SIG_IGN);  // nobody waits for the answered questions
  std::vector<Prompt> prompts;
  for (std::size_t i = 1; i + 1 < words.size(); i += 2) prompts.push_back({words[i], words[i + 1]});
  return serve(words.front(), prompts);
}
