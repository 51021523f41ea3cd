#include "vpnd/host/privileges.hpp"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>

#include "tests/vpnd/host/temporary_folder.hpp"
#include "vpnd/host/file_io.hpp"

namespace vpnd::host {
namespace {

using ::testing::ExitedWithCode;

#define SKIP_UNLESS_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: it changes the user of a child process"

PrivilegeRequest as_nobody() {
  PrivilegeRequest request;
  request.user = "nobody";
  request.keep_capabilities = {CAP_NET_ADMIN};
  return request;
}

// Runs in a child: exits 0 if the function does, and shows what it throws.
template <typename Function>
[[noreturn]] void in_child(Function function) {
  try {
    function();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    ::_exit(1);
  }
  ::_exit(0);
}

void require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}

TEST(DropPrivilegesDeathTest, BecomesTheUserAndKeepsTheCapability) {
  SKIP_UNLESS_ROOT();
  EXPECT_EXIT(in_child([] {
                drop_privileges(as_nobody());
                uid_t real = 0;
                uid_t effective = 0;
                uid_t saved = 0;
                ::getresuid(&real, &effective, &saved);
                require(real != 0 && effective == real && saved == real, "still root somewhere");
                require(::getegid() != 0 && ::getgroups(0, nullptr) == 0, "still in a group of root's");
                require(has_net_admin(), "lost CAP_NET_ADMIN");
                require(::setuid(0) != 0, "could become root again");
                require(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "new privileges are possible");
              }),
              ExitedWithCode(0), "");
}

TEST(DropPrivilegesDeathTest, KeepsNoCapabilityItWasNotAskedToKeep) {
  SKIP_UNLESS_ROOT();
  EXPECT_EXIT(in_child([] {
                PrivilegeRequest request = as_nobody();
                request.keep_capabilities.clear();
                request.new_privileges = NewPrivileges::allowed;
                drop_privileges(request);
                require(!has_net_admin(), "kept CAP_NET_ADMIN");
                require(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0, "setuid helpers cannot work");
              }),
              ExitedWithCode(0), "");
}

TEST(DropPrivilegesDeathTest, NarrowsAProcessThatIsNotRootAnyMore) {
  SKIP_UNLESS_ROOT();
  EXPECT_EXIT(in_child([] {
                PrivilegeRequest request = as_nobody();
                request.keep_capabilities.push_back(CAP_NET_RAW);
                drop_privileges(request);
                drop_privileges(as_nobody());
                require(has_net_admin(), "lost CAP_NET_ADMIN");
                PrivilegeRequest again = as_nobody();
                again.keep_capabilities = {CAP_NET_RAW};
                drop_privileges(again);
              }),
              ExitedWithCode(1), "keep CAP_NET_RAW: needs CAP_NET_RAW");
}

TEST(DropPrivilegesDeathTest, NamesTheUserItMayNotBecome) {
  SKIP_UNLESS_ROOT();
  EXPECT_EXIT(in_child([] {
                drop_privileges(as_nobody());
                PrivilegeRequest request = as_nobody();
                request.user = "daemon";
                drop_privileges(request);
              }),
              ExitedWithCode(1), "change to user daemon: needs CAP_SETUID");
}

TEST(DropPrivilegesDeathTest, TakesNumbersForUsersAndGroups) {
  SKIP_UNLESS_ROOT();
  EXPECT_EXIT(in_child([] {
                PrivilegeRequest request = as_nobody();
                request.user = "64123";
                request.group = "64124";
                drop_privileges(request);
                require(::getuid() == 64123 && ::getgid() == 64124, "somebody else");
              }),
              ExitedWithCode(0), "");
}

TEST(DropPrivileges, NamesUsersAndGroupsThatDoNotExist) {
  for (const auto& [user, group, text] : {std::tuple{"no-such-user", "", "user no-such-user"},
                                          std::tuple{"", "no-such-group", "group no-such-group"},
                                          std::tuple{"4294967295", "", "user 4294967295"}}) {
    PrivilegeRequest request;
    request.user = user;
    request.group = group;
    try {
      drop_privileges(request);
      FAIL() << text;
    } catch (const std::system_error& error) {
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    }
  }
}

class PrepareFileDeathTest : public TemporaryFolder {};

TEST_F(PrepareFileDeathTest, LetsTheUserGoOnWritingInAFolderThatIsClosedToIt) {
  SKIP_UNLESS_ROOT();
  write("old", "status of the last run");
  EXPECT_EXIT(in_child([&] {
                require(prepare_file_for(as_nobody(), path("new")).ok(), "new file");
                require(prepare_file_for(as_nobody(), path("old")).ok(), "old file");
                ::chmod(folder_.c_str(), 0711);
                drop_privileges(as_nobody());
                for (const char* const name : {"old", "new"}) {
                  const ChangeResult written = write_file_atomically(path(name), "status");
                  require(written.ok(), written.reason.c_str());
                }
              }),
              ExitedWithCode(0), "");
  EXPECT_EQ(read("old"), "status");
  EXPECT_EQ(read("new"), "status");
}

TEST_F(PrepareFileDeathTest, GivesAwayNoFileThatALinkLeadsTo) {
  SKIP_UNLESS_ROOT();
  std::filesystem::create_symlink(write("secret", "of root"), path("status"));
  EXPECT_TRUE(prepare_file_for(as_nobody(), path("status")).ok());
  struct stat facts {};
  ASSERT_EQ(::stat(path("secret").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_uid, 0U);
  EXPECT_NE(prepare_file_for(as_nobody(), path("none/status")).reason.find("cannot give"), std::string::npos);
}

TEST(ForbidCoreDumpsDeathTest, MakesTheProcessUndumpable) {
  EXPECT_EXIT(in_child([] {
                forbid_core_dumps();
                require(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0, "dumpable");
              }),
              ExitedWithCode(0), "");
}

}  // namespace
}  // namespace vpnd::host
