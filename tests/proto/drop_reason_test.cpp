#include "proto/drop_reason.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace vpnd::proto {
namespace {

TEST(DropReason, EveryReasonHasAPhraseAndAnIdentifierOfItsOwn) {
  std::set<std::string_view> names;
  std::set<std::string_view> texts;
  for (std::size_t i = 0; i < kDropReasonCount; ++i) {
    const auto reason = static_cast<DropReason>(i);
    EXPECT_TRUE(names.insert(name(reason)).second) << name(reason);
    EXPECT_TRUE(texts.insert(text(reason)).second) << text(reason);
    EXPECT_EQ(text(reason).find('_'), std::string_view::npos) << "phrases are for people";
    EXPECT_TRUE(std::all_of(name(reason).begin(), name(reason).end(), [](char c) {
      return c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    }));
  }
  EXPECT_EQ(names.count(name(DropReason::count)), 0U);
  EXPECT_EQ(name(DropReason::bad_tag), "bad_tag");
  EXPECT_EQ(text(DropReason::bad_tag), "authentication failed");
}

}  // namespace
}  // namespace vpnd::proto
