#include "vpnd/config/lexer.hpp"

#include <gmock/gmock.h>

namespace vpnd::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Words = std::vector<std::string>;

TEST(Tokenise, SplitsWordsAsOpenVpnDoes) {
  const struct {
    const char* line;
    Words words;
  } cases[] = {
      {"", {}},
      {"   \t ", {}},
      {"port 1194", {"port", "1194"}},
      {"  port\t1194  ", {"port", "1194"}},
      {"# port 1194", {}},
      {"; port 1194", {}},
      {"port 1194 # the default", {"port", "1194"}},
      {"port 1194;not a comment", {"port", "1194;not", "a", "comment"}},
      {"ca a#b", {"ca", "a#b"}},
      {"push \"route 10.0.0.0 255.0.0.0\"", {"push", "route 10.0.0.0 255.0.0.0"}},
      {"push 'a \"b\" \\c'", {"push", "a \"b\" \\c"}},
      {"log \"\"", {"log", ""}},
      {"log \"a\"b", {"log", "a", "b"}},         // a word ends with its closing quote
      {"log a\"b c\"", {"log", "a\"b", "c\""}},  // a quote inside a word is a character
      {"ca C:\\\\keys\\\\ca.crt", {"ca", "C:\\keys\\ca.crt"}},
      {"ca my\\ ca.crt", {"ca", "my ca.crt"}},
      {"ca \"a\\\"b\"", {"ca", "a\"b"}},
      {"ca \\\"quoted\\\"", {"ca", "\"quoted\""}},
      {"push \"# no comment\"", {"push", "# no comment"}},
  };
  for (const auto& [line, words] : cases) {
    const Tokens tokens = tokenise(line);
    EXPECT_EQ(tokens.words, words) << line;
    EXPECT_EQ(tokens.error, "") << line;
  }
}

TEST(Tokenise, SaysWhatIsWrongWithALine) {
  const struct {
    std::string line;
    const char* error;
  } cases[] = {
      {"push \"route", "a double quote is not closed"},
      {"push 'route", "a single quote is not closed"},
      {"ca C:\\keys",
       "a backslash may stand only before a backslash, a double quote or a blank; write \\\\ for a "
       "backslash"},
      {"ca C:\\", "a backslash at the end of the line; write \\\\ for a backslash"},
      {"ca " + std::string(256, 'x'), "a word is longer than 255 bytes"},
      {"a b c d e f g h i j k l m n o p q", "more than 16 words on a line"},
      {std::string("ca a\0b", 6), "a NUL byte in the line"},
  };
  for (const auto& [line, error] : cases) {
    const Tokens tokens = tokenise(line);
    EXPECT_EQ(tokens.error, error) << line;
    EXPECT_THAT(tokens.words, IsEmpty()) << line;
  }
}

TEST(Tokenise, TakesSixteenWordsAndTheLongestWord) {
  EXPECT_EQ(tokenise("a b c d e f g h i j k l m n o p").words.size(), 16u);
  EXPECT_EQ(tokenise(std::string(255, 'x')).words.front().size(), 255u);
}

TEST(StatementReader, CountsLinesThroughCommentsAndBlocks) {
  StatementReader reader("\xEF\xBB\xBF# head\n\n--client\r\n<ca>\nline 1\n  line 2\n  </ca>\nverb 3", "f");
  const auto client = reader.next();
  ASSERT_TRUE(client);
  EXPECT_THAT(client->words, ElementsAre("client"));
  EXPECT_EQ(client->where, (Location{"f", 3}));
  const auto ca = reader.next();
  ASSERT_TRUE(ca);
  EXPECT_THAT(ca->words, ElementsAre("ca"));
  EXPECT_EQ(ca->inline_text, "line 1\n  line 2\n");
  EXPECT_EQ(ca->where, (Location{"f", 4}));
  const auto verb = reader.next();
  ASSERT_TRUE(verb);
  EXPECT_THAT(verb->words, ElementsAre("verb", "3"));
  EXPECT_EQ(verb->where, (Location{"f", 8}));
  EXPECT_FALSE(reader.next());
}

TEST(StatementReader, KeepsLongLinesOfBlocksOnly) {
  const std::string line(1000, 'A');
  const std::string inside = "<ca>\n" + line + "\n</ca>\n";
  StatementReader block(inside, "f");
  EXPECT_EQ(block.next()->inline_text, line + "\n");
  const std::string outside = line + "\nverb 3\n";
  StatementReader plain(outside, "f");
  EXPECT_THROW(plain.next(), ConfigError);
  EXPECT_THAT(plain.next()->words, ElementsAre("verb", "3"));  // and goes on behind it
}

TEST(StatementReader, NamesTheBlockThatIsNotClosed) {
  StatementReader reader("verb 3\n<ca>\nabc\n", "f");
  ASSERT_TRUE(reader.next());
  try {
    reader.next();
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "f:2: \"<ca>\": the block is not closed; </ca> is missing");
  }
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace vpnd::config
