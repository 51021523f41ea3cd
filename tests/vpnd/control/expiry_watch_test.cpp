#include "vpnd/control/expiry_watch.hpp"

#include <gmock/gmock.h>

namespace vpnd::control {
namespace {

using std::chrono::days;
using std::chrono::hours;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr ExpiryWatch::SystemTime kStart{hours{1'000'000}};

crypto::Lifetime ends_in(std::chrono::hours time) {
  return {.setting = "cert", .subject = "CN=server", .not_after = kStart + time};
}

TEST(ExpiryWatch, SpeaksOnceAtEachLimit) {
  ExpiryWatch watch;
  const crypto::Lifetime lifetimes[] = {ends_in(days{40})};
  watch.watch(lifetimes, kStart);
  EXPECT_THAT(watch.approaching(kStart), IsEmpty());
  EXPECT_THAT(watch.approaching(kStart + days{10}), IsEmpty());
  EXPECT_THAT(watch.approaching(kStart + days{11}), ElementsAre("cert: CN=server expires in 29 days"));
  EXPECT_THAT(watch.approaching(kStart + days{12}), IsEmpty());
  EXPECT_THAT(watch.approaching(kStart + days{34}), ElementsAre("cert: CN=server expires in 6 days"));
  EXPECT_THAT(watch.approaching(kStart + days{39} + hours{1}),
              ElementsAre("cert: CN=server expires in 0 days"));
  EXPECT_THAT(watch.approaching(kStart + days{40} + hours{1}),
              ElementsAre("cert: CN=server has expired 1 days ago"));
  EXPECT_THAT(watch.approaching(kStart + days{400}), IsEmpty());
}

TEST(ExpiryWatch, LeavesWhatIsSaidAlreadyToOthers) {
  ExpiryWatch watch;
  const crypto::Lifetime lifetimes[] = {ends_in(days{5})};
  watch.watch(lifetimes, kStart);
  EXPECT_THAT(watch.approaching(kStart + hours{1}), IsEmpty());
}

TEST(ExpiryWatch, ForgetsWhatWasReplaced) {
  ExpiryWatch watch;
  const crypto::Lifetime lifetimes[] = {ends_in(days{40})};
  watch.watch(lifetimes, kStart);
  watch.watch({}, kStart + days{1});
  EXPECT_THAT(watch.approaching(kStart + days{400}), IsEmpty());
}

}  // namespace
}  // namespace vpnd::control
