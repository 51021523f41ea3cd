#include "crypto/secret.hpp"

#include <gtest/gtest.h>

#include <type_traits>

#include "crypto/random.hpp"

namespace vpnd::crypto {
namespace {

static_assert(!std::is_copy_constructible_v<Secret<8>> && !std::is_copy_assignable_v<Secret<8>>);
static_assert(!std::is_copy_constructible_v<SecretString> && !std::is_copy_assignable_v<SecretString>);

TEST(Secret, WipesTheSourceOfAMove) {
  Secret<4> first;
  first.expose()[2] = std::byte{9};
  const Secret<4> second(std::move(first));
  EXPECT_EQ(second.expose()[2], std::byte{9});
  EXPECT_EQ(first.expose()[2], std::byte{0});  // NOLINT(bugprone-use-after-move): that is the point
}

TEST(SecretString, WipesTheStringItWasMadeFrom) {
  std::string password = "correct horse battery staple";
  const char* const memory = password.data();
  const SecretString secret(std::move(password));
  EXPECT_EQ(secret.expose(), "correct horse battery staple");
  EXPECT_EQ(memory[0], '\0');
}

TEST(SecretString, IsEmptyAfterAMove) {
  SecretString first{std::string_view("x")};
  SecretString second;
  second = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(second.expose(), "x");
}

TEST(Random, DoesNotRepeatItself) {
  EXPECT_NE(random_bytes<16>(), random_bytes<16>());
}

}  // namespace
}  // namespace vpnd::crypto
