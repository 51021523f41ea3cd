#include "vpnd/hooks/hook_runner.hpp"

#include <optional>

#include "tests/vpnd/control/script_fixture.hpp"

namespace vpnd::hooks {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

class HookRunnerTest : public control::test::ScriptFixture {
 protected:
  HookCall call(const std::string& program, Hook hook = Hook::route_up) {
    return {hook, {{program, "fixed"}, {}}, {"added"}, {}};
  }

  HookResult result_of(const HookCall& made) {
    std::optional<HookResult> result;
    runner.run(made, [&](const HookResult& ended) { result = ended; });
    EXPECT_FALSE(result) << "called back at once";
    EXPECT_TRUE(wait_for([&] { return result.has_value(); }));
    return result.value_or(HookResult{});
  }

  HookRunner runner{io};
};

TEST_F(HookRunnerTest, GivesTheCommandsOwnWordsThenTheHooks) {
  const auto out = path("out").string();
  const auto program = script("args", "echo \"$1,$2,$#,$script_type\" > " + out + "\n");
  EXPECT_TRUE(result_of(call(program)).ok());
  EXPECT_EQ(read("out"), "fixed,added,2,route-up\n");
  EXPECT_TRUE(HookRunner::run_now(call(program, Hook::ip_change)).ok());
  EXPECT_EQ(read("out"), "fixed,added,2,ipchange\n");
}

TEST_F(HookRunnerTest, SaysInOneLineWhichHookFailedAndHow) {
  const auto program = script("bad", "exit 7\n");
  EXPECT_EQ(result_of(call(program)).failure, "route-up: " + program + " exited with status 7");
  EXPECT_EQ(HookRunner::run_now(call(program, Hook::up)).failure, "up: " + program + " exited with status 7");
}

TEST_F(HookRunnerTest, SaysWhyAProgramCannotBeStarted) {
  const auto missing = path("missing").string();
  EXPECT_THAT(result_of(call(missing)).failure, StartsWith("route-up: cannot run " + missing));
  EXPECT_FALSE(HookRunner::run_now(call(missing)).ok());
}

TEST_F(HookRunnerTest, KeepsWhatTheCallerSetApartFromCallToCall) {
  const auto out = path("out").string();
  const auto program = script("env", "echo \"$common_name,$untrusted_port\" >> " + out + "\n");
  HookCall first = call(program), second = call(program);
  first.environment.set("common_name", "alice");
  second.environment.set("untrusted_port", "7");
  EXPECT_TRUE(result_of(first).ok());
  EXPECT_TRUE(result_of(second).ok());
  EXPECT_EQ(read("out"), "alice,\n,7\n");
}

}  // namespace
}  // namespace vpnd::hooks
