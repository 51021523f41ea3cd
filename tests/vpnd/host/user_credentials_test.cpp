#include "vpnd/host/user_credentials.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "tests/vpnd/host/temporary_folder.hpp"
#include "tunio/unique_fd.hpp"

namespace vpnd::host {
namespace {

using ::testing::HasSubstr;

using CredentialsFile = TemporaryFolder;

TEST_F(CredentialsFile, HoldsAUserNameAndAPassword) {
  for (const char* const text :
       {"anna\n se cret \n", "anna\r\n se cret \r\n", "anna\n se cret ", "anna\n se cret \nmore"}) {
    const CredentialsResult read = read_credentials_file(write("auth", text));
    ASSERT_TRUE(read.result.ok()) << read.result.reason;
    EXPECT_EQ(read.credentials.username, "anna");
    ASSERT_TRUE(read.credentials.password);
    EXPECT_EQ(read.credentials.password->expose(), " se cret ");
  }
}

TEST_F(CredentialsFile, MayHoldAUserNameOnly) {
  for (const char* const text : {"anna", "anna\n", "anna\n\n"}) {
    const CredentialsResult read = read_credentials_file(write("auth", text));
    EXPECT_TRUE(read.result.ok());
    EXPECT_EQ(read.credentials.username, "anna");
    EXPECT_FALSE(read.credentials.password);
  }
}

TEST_F(CredentialsFile, MustHoldAUserName) {
  EXPECT_THAT(read_credentials_file(write("auth", "\nsecret\n")).result.reason, HasSubstr("no user name"));
  EXPECT_THAT(read_credentials_file(path("none")).result.reason, HasSubstr("No such file"));
  EXPECT_EQ(read_credentials_file(write("auth", std::string(20'000, 'x'))).result.error,
            std::errc::file_too_large);
}

TEST_F(CredentialsFile, MayBeAPassphraseAlone) {
  const PasswordResult read = read_password_file(write("pass", "open sesame\nignored\n"));
  ASSERT_TRUE(read.password);
  EXPECT_EQ(read.password->expose(), "open sesame");
  EXPECT_THAT(read_password_file(write("pass", "\n")).result.reason, HasSubstr("no password"));
}

// Somebody at a terminal: sees what the child writes, and types.
struct Conversation {
  std::string seen;
  int exit_status = -1;
};

class Ask : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    if (::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr) != 0)
      GTEST_SKIP() << "no pseudo-terminals here";
    ::close(ends[0]);
    ::close(ends[1]);
  }
};

Conversation hold(Echo echo, std::string_view typed) {
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    const PasswordResult answer = ask("Secret:", echo);
    ::_exit(answer.password && answer.password->expose() == "open sesame" ? 0 : 1);
  }
  const tunio::UniqueFd ours(terminal);
  Conversation conversation;
  std::array<char, 256> buffer{};
  for (bool answered = false;;) {
    const ssize_t got = ::read(terminal, buffer.data(), buffer.size());
    if (got <= 0) break;  // EIO: the child is gone
    conversation.seen.append(buffer.data(), static_cast<std::size_t>(got));
    if (answered || conversation.seen.find("Secret: ") == std::string::npos) continue;
    answered = ::write(terminal, typed.data(), typed.size()) > 0;
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  conversation.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return conversation;
}

TEST_F(Ask, ReadsAPasswordWithoutShowingIt) {
  const Conversation conversation = hold(Echo::off, "open sesame\n");
  EXPECT_EQ(conversation.exit_status, 0);
  EXPECT_THAT(conversation.seen, ::testing::Not(HasSubstr("sesame")));
}

TEST_F(Ask, ShowsWhatIsNoSecret) {
  const Conversation conversation = hold(Echo::on, "open sesame\n");
  EXPECT_EQ(conversation.exit_status, 0);
  EXPECT_THAT(conversation.seen, HasSubstr("open sesame"));
}

TEST_F(Ask, TakesTheEndOfInputForNoAnswer) {
  EXPECT_EQ(hold(Echo::off, "\x04").exit_status, 1);
}

}  // namespace
}  // namespace vpnd::host
