#include "vpnd/host/process.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "tests/vpnd/host/temporary_folder.hpp"

namespace vpnd::host {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using Kind = ExitStatus::Kind;

constexpr std::chrono::minutes kLongEnough{1};

std::vector<std::string> shell(std::string_view script) {
  return {"/bin/sh", "-c", std::string(script)};
}

// A pipe for the output of a child.
struct Output {
  Output() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
  // Until nobody holds the other end any more.
  std::string rest() {
    writer.reset();
    std::string text;
    std::array<char, 256> buffer{};
    for (ssize_t got = 1; got > 0;) {
      got = ::read(reader.get(), buffer.data(), buffer.size());
      if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return text;
  }
  tunio::UniqueFd reader;
  tunio::UniqueFd writer;
};

TEST(RunScript, ReportsHowTheProgramEnded) {
  EXPECT_EQ(run_script(shell("exit 0"), {}, kLongEnough).status, (ExitStatus{Kind::exited, 0}));
  EXPECT_EQ(run_script(shell("exit 3"), {}, kLongEnough).status, (ExitStatus{Kind::exited, 3}));
  EXPECT_EQ(run_script(shell("kill -9 $$"), {}, kLongEnough).status, (ExitStatus{Kind::signalled, SIGKILL}));
  EXPECT_TRUE(run_script(shell("exit 0"), {}, kLongEnough).status.success());
}

TEST(RunScript, KillsAProgramThatTakesTooLong) {
  const ScriptRun run = run_script({"/bin/sleep", "1000"}, {}, milliseconds(20));
  EXPECT_EQ(run.status.kind, Kind::timed_out);
  EXPECT_FALSE(run.status.success());
}

TEST(RunScript, PassesArgumentsAsTheyAre) {
  constexpr const char* kScript = R"([ "$1" = 'two words; $(id)' ] && [ $# = 2 ] && [ -z "$2" ])";
  const ScriptRun run = run_script({"/bin/sh", "-c", kScript, "sh", "two words; $(id)", ""}, {}, kLongEnough);
  EXPECT_TRUE(run.status.success()) << text(run.status);
}

TEST(RunScript, SaysWhyAProgramCannotBeStarted) {
  const ScriptRun missing = run_script({"/no/such/program"}, {}, kLongEnough);
  EXPECT_EQ(missing.result.error, std::errc::no_such_file_or_directory);
  EXPECT_FALSE(missing.status.success());
  EXPECT_THAT(missing.result.reason, HasSubstr("/no/such/program: No such file"));
  EXPECT_THAT(run_script({"true"}, {}, kLongEnough).result.reason, HasSubstr("not a path"));
  EXPECT_FALSE(run_script({}, {}, kLongEnough).result.ok());
}

class RunScriptFile : public TemporaryFolder {};

TEST_F(RunScriptFile, HintsAtTheUsualMistakesOfScripts) {
  const std::string script = write("up.sh", "exit 0\n");
  ::chmod(script.c_str(), 0600);
  EXPECT_THAT(run_script({script}, {}, kLongEnough).result.reason, HasSubstr("is it executable"));
  ::chmod(script.c_str(), 0700);
  EXPECT_THAT(run_script({script}, {}, kLongEnough).result.reason, HasSubstr("#!"));
}

TEST(StartProcess, GivesTheProgramOurEnvironmentForItAndNothingElse) {
  ScriptEnvironment environment;
  environment.set("dev", "tun0");
  Output output;
  Started started = start_process({"/usr/bin/env"}, environment, output.writer.get());
  ASSERT_TRUE(started.result.ok()) << started.result.reason;
  EXPECT_EQ(output.rest(), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\ndev=tun0\n");
  EXPECT_TRUE(started.child.wait(kLongEnough).success());
}

TEST(StartProcess, ClosesDescriptorsThatForgotToSayCloexec) {
  const tunio::UniqueFd leaked(::fcntl(STDERR_FILENO, F_DUPFD, 50));
  ASSERT_GE(leaked.get(), 50);
  const std::string script = "[ ! -e /proc/self/fd/" + std::to_string(leaked.get()) + " ]";
  EXPECT_TRUE(run_script(shell(script), {}, kLongEnough).status.success());
}

TEST(StartProcess, GivesTheProgramDefaultSignalsAndNoInput) {
  ::signal(SIGTERM, SIG_IGN);
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  const ScriptRun run = run_script(shell("read line && exit 1; kill -TERM $$; exit 0"), {}, kLongEnough);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGTERM, SIG_DFL);
  EXPECT_EQ(run.status, (ExitStatus{Kind::signalled, SIGTERM}));
}

TEST(ChildProcess, HasADescriptorThatBecomesReadableAtItsEnd) {
  Started started = start_process(shell("exit 5"), {});
  ASSERT_TRUE(started.result.ok());
  pollfd readable{started.child.pidfd(), POLLIN, 0};
  ASSERT_EQ(::poll(&readable, 1, 60'000), 1);
  EXPECT_EQ(started.child.reap(), (ExitStatus{Kind::exited, 5}));
  EXPECT_FALSE(started.child.running());
  EXPECT_EQ(started.child.reap(), std::nullopt);
}

TEST(ChildProcess, IsNotReapedWhileItRuns) {
  Started started = start_process({"/bin/sleep", "1000"}, {});
  EXPECT_EQ(started.child.reap(), std::nullopt);
  EXPECT_TRUE(started.child.running());
}

TEST(ChildProcess, TakesItsOwnChildrenAlongWhenItIsKilled) {
  Output output;
  {
    Started started = start_process(shell("sleep 1000 & echo started; wait"), {}, output.writer.get());
    ASSERT_TRUE(started.result.ok());
    std::array<char, 8> first{};
    ASSERT_EQ(::read(output.reader.get(), first.data(), first.size()), 8);
  }
  EXPECT_EQ(output.rest(), "");  // returns only because the sleeping grandchild is gone as well
}

TEST(ExitStatus, IsDescribedInWords) {
  EXPECT_EQ(text(ExitStatus{Kind::exited, 2}), "exited with status 2");
  EXPECT_EQ(text(ExitStatus{Kind::signalled, 9}), "was killed by signal 9");
  EXPECT_EQ(text(ExitStatus{Kind::timed_out, 0}), "took too long and was killed");
}

}  // namespace
}  // namespace vpnd::host
