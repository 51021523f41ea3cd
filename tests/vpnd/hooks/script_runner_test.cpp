#include "vpnd/hooks/script_runner.hpp"

#include <optional>

#include "tests/vpnd/control/script_fixture.hpp"

namespace vpnd::hooks {
namespace {

using host::ExitStatus;
using std::chrono::milliseconds;
using std::chrono::minutes;

class ScriptRunnerTest : public control::test::ScriptFixture {
 protected:
  std::optional<host::ScriptRun> outcome_of(const std::string& program, milliseconds timeout = minutes(1)) {
    std::optional<host::ScriptRun> outcome;
    runner->run({program}, environment, timeout, [&](const host::ScriptRun& run) {
      EXPECT_FALSE(outcome) << "called twice";
      outcome = run;
    });
    EXPECT_FALSE(outcome) << "called back at once";
    EXPECT_TRUE(wait_for([&] { return outcome.has_value(); }));
    return outcome;
  }

  host::ScriptEnvironment environment;
  std::optional<ScriptRunner> runner{std::in_place, io};
};

TEST_F(ScriptRunnerTest, ReportsHowAScriptEnded) {
  EXPECT_TRUE(outcome_of(script("good", "exit 0\n"))->status.success());
  EXPECT_EQ(outcome_of(script("bad", "exit 3\n"))->status, (ExitStatus{ExitStatus::Kind::exited, 3}));
  EXPECT_EQ(outcome_of(script("killed", "kill -9 $$\n"))->status,
            (ExitStatus{ExitStatus::Kind::signalled, 9}));
}

TEST_F(ScriptRunnerTest, HandsOverTheEnvironmentAndNothingElse) {
  environment.set("common_name", "alice");
  ::setenv("VPND_TEST_SECRET", "x", 1);
  const auto out = path("out").string();
  EXPECT_TRUE(
      outcome_of(script("env", "echo \"$common_name,$VPND_TEST_SECRET\" > " + out + "\n"))->status.success());
  ::unsetenv("VPND_TEST_SECRET");
  EXPECT_EQ(read("out"), "alice,\n");
}

TEST_F(ScriptRunnerTest, EndsAScriptThatTakesTooLong) {
  const auto outcome = outcome_of(script("slow", "sleep 60\n"), milliseconds(50));
  EXPECT_EQ(outcome->status.kind, ExitStatus::Kind::timed_out);
}

TEST_F(ScriptRunnerTest, SaysWhyAProgramCannotBeStarted) {
  const auto outcome = outcome_of(path("missing").string());
  EXPECT_FALSE(outcome->result.ok());
  EXPECT_NE(outcome->result.reason.find("missing"), std::string::npos) << outcome->result.reason;
}

TEST_F(ScriptRunnerTest, RunsScriptsBesideEachOther) {
  const auto meet = [&](const std::string& own, const std::string& other) {
    return script(own, "touch " + path(own + ".here").string() + "\nwhile [ ! -e " +
                           path(other + ".here").string() + " ]; do sleep 0.01; done\n");
  };
  int ended = 0;
  const auto done = [&](const host::ScriptRun& run) { ended += run.status.success() ? 1 : 100; };
  runner->run({meet("a", "b")}, environment, minutes(1), done);
  runner->run({meet("b", "a")}, environment, minutes(1), done);
  EXPECT_TRUE(wait_for([&] { return ended >= 2; }));
  EXPECT_EQ(ended, 2);
}

TEST_F(ScriptRunnerTest, CallsNobodyWhenItIsGone) {
  bool called = false;
  runner->run({script("slow", "sleep 60\n")}, environment, minutes(1), [&](const auto&) { called = true; });
  runner.reset();
  io.run_for(milliseconds(50));
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace vpnd::hooks
