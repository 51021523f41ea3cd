#include "vpnd/routing/pool_persist.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <sstream>

namespace vpnd::routing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using tunio::IpAddress;

std::optional<IpAddress> address(std::string_view text) {
  return IpAddress::parse(text);
}

AddressPoolSettings dual_stack() {
  AddressPoolSettings settings;
  settings.ipv4_first = address("10.8.0.2");
  settings.ipv4_last = address("10.8.0.254");
  settings.ipv6_first = address("fd00::1000");
  return settings;
}

// A folder that goes away with the test.
class PoolFile : public ::testing::Test {
 protected:
  PoolFile() {
    std::string name = ::testing::TempDir() + "vpnd_pool_XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
  }
  ~PoolFile() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path path() const { return folder_ / "ipp.txt"; }
  void holds(std::string_view text) const { std::ofstream(path()) << text; }
  std::string content() const {
    std::ostringstream text;
    text << std::ifstream(path()).rdbuf();
    return text.str();
  }

 private:
  std::filesystem::path folder_;
};

TEST(PersistedLeases, ReadsTheFormsThatStockWrites) {
  const PersistedLeases parsed = parse_persisted_leases(
      "anna,10.8.0.2,fd00::1000\r\n"
      "# a comment\n"
      "\n"
      "bert,10.8.0.3,\n"
      "carl,10.8.0.4\n"
      "dora,,fd00::1003\n"
      "emil,fd00::1004");
  EXPECT_THAT(parsed.warnings, IsEmpty());
  EXPECT_THAT(parsed.leases, ElementsAre(PersistedLease{"anna", address("10.8.0.2"), address("fd00::1000")},
                                         PersistedLease{"bert", address("10.8.0.3"), std::nullopt},
                                         PersistedLease{"carl", address("10.8.0.4"), std::nullopt},
                                         PersistedLease{"dora", std::nullopt, address("fd00::1003")},
                                         PersistedLease{"emil", std::nullopt, address("fd00::1004")}));
}

TEST(PersistedLeases, NamesTheLinesThatMakeNoSense) {
  const PersistedLeases parsed = parse_persisted_leases(
      "only a name\n"
      ",10.8.0.2,\n"
      "good,10.8.0.3,\n"
      "bad,10.8.0.300,\n"
      "twice,10.8.0.2,10.8.0.3\n"
      "long,10.8.0.2,fd00::1,more\n");
  EXPECT_THAT(parsed.warnings, ElementsAre("line 1: no address", "line 2: no common name",
                                           "line 4: not an address", "line 5: two addresses of one family",
                                           "line 6: more than a name and two addresses"));
  ASSERT_EQ(parsed.leases.size(), 1U);
  EXPECT_EQ(parsed.leases.front().common_name, "good");
}

TEST(PersistedLeases, ReadsBackWhatItWrites) {
  const std::vector<PersistedLease> leases{{"Anna Bär", address("10.8.0.2"), address("fd00::1000")},
                                           {"bert", address("10.8.0.3"), std::nullopt},
                                           {"dora", std::nullopt, address("fd00::1003")}};
  EXPECT_EQ(format_persisted_leases(leases),
            "Anna Bär,10.8.0.2,fd00::1000\nbert,10.8.0.3,\ndora,,fd00::1003\n");
  EXPECT_EQ(parse_persisted_leases(format_persisted_leases(leases)).leases, leases);
}

TEST(PersistedLeases, LeavesOutNamesThatWouldForgeALine) {
  const std::vector<PersistedLease> leases{{"a,10.8.0.9", address("10.8.0.2"), std::nullopt},
                                           {"a\nroot,10.8.0.1", address("10.8.0.3"), std::nullopt},
                                           {"#a", address("10.8.0.4"), std::nullopt}};
  EXPECT_EQ(format_persisted_leases(leases), "");
}

TEST_F(PoolFile, GivesClientsTheirAddressesBackAfterARestart) {
  {
    AddressPool pool(dual_stack());
    (void)pool.acquire("anna");
    pool.release(pool.acquire("bert")->index);
    ASSERT_TRUE(save_pool(pool, path()).ok());
  }
  EXPECT_EQ(content(), "anna,10.8.0.2,fd00::1000\nbert,10.8.0.3,fd00::1001\n");

  AddressPool pool(dual_stack());
  EXPECT_THAT(load_pool(pool, path(), AddressPool::Binding::preferred), IsEmpty());
  EXPECT_EQ(pool.acquire("new")->ipv4, address("10.8.0.4"));
  EXPECT_EQ(pool.acquire("bert")->ipv4, address("10.8.0.3"));
}

TEST_F(PoolFile, NamesABlockOfFourByItsFirstAddressAsStockDoes) {
  AddressPoolSettings settings;
  settings.ipv4_first = address("10.8.0.4");
  settings.ipv4_last = address("10.8.0.251");
  settings.ipv4_layout = PoolLayout::blocks_of_four;
  AddressPool pool(settings);
  (void)pool.acquire("anna");
  ASSERT_TRUE(save_pool(pool, path()).ok());
  EXPECT_EQ(content(), "anna,10.8.0.4,\n");

  AddressPool restarted(settings);
  EXPECT_THAT(load_pool(restarted, path(), AddressPool::Binding::fixed), IsEmpty());
  EXPECT_EQ(restarted.acquire("other")->ipv4, address("10.8.0.10"));
  EXPECT_EQ(restarted.acquire("anna")->ipv4, address("10.8.0.6"));
}

TEST_F(PoolFile, WarnsAboutAddressesThatDoNotFitThePool) {
  holds(
      "outside,10.9.0.2,\n"
      "anna,10.8.0.2,fd00::1000\n"
      "thief,10.8.0.2,\n"
      "torn,10.8.0.3,fd00::1009\n"
      "moved,10.8.0.5,fd01::1\n");
  AddressPool pool(dual_stack());
  EXPECT_THAT(load_pool(pool, path(), AddressPool::Binding::preferred),
              ElementsAre(HasSubstr("\"outside\" are not in the pool"),
                          HasSubstr("10.8.0.2 of \"thief\" is already taken"),
                          HasSubstr("\"torn\" do not belong together")));
  EXPECT_EQ(pool.acquire("moved")->ipv4, address("10.8.0.5"));
}

TEST_F(PoolFile, TakesAMissingFileForAnEmptyOne) {
  AddressPool pool(dual_stack());
  EXPECT_THAT(load_pool(pool, path(), AddressPool::Binding::preferred), IsEmpty());
}

TEST_F(PoolFile, SaysWhyAFileCannotBeRead) {
  std::filesystem::create_directory(path());
  AddressPool pool(dual_stack());
  EXPECT_THAT(load_pool(pool, path(), AddressPool::Binding::preferred),
              ElementsAre(HasSubstr("Is a directory")));
}

}  // namespace
}  // namespace vpnd::routing
