#include "vpnd/config/compatibility.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "vpnd/config/directive.hpp"

namespace vpnd::config {

namespace {

constexpr std::string_view kHead = R"(# OpenVPN's directives in vpnd

Made by `vpnd --list-directives` from the table that the parser reads by; a test compares. Do not edit it by hand.

Every directive of OpenVPN 2.7, and those that older versions knew, has one of these marks:

| mark | what vpnd does with it |
|---|---|
| works | what it says |
| no effect | accepts it, with a warning that names the reason: nothing is to be done for it |
| refused | refuses to start, since it would not be the tunnel that was asked for, and names what to do instead |

`setenv opt` in front of a directive turns a refusal into a warning. The column *where* says in which places a
directive is understood: **f** in a file, **o** as an option on the command line, **b** in a `<connection>` block,
**c** in a client's file (`client-config-dir`), **p** pushed by a server, **i** as an inline block.

)";

// Those outside of the topic of batching.
constexpr std::array<std::string_view, 7> kOwn = {"capabilities", "check-config",    "data-epoch",
                                                  "key-exporter", "list-directives", "tun-driver",
                                                  "vpnd-batch"};

std::string_view mark(Verdict verdict) {
  switch (verdict) {
    case Verdict::works:
      return "works";
    case Verdict::no_effect:
      return "no effect";
    case Verdict::refused:
      return "refused";
  }
  return "";
}

std::string places(const Directive& directive) {
  constexpr std::pair<Contexts, char> kLetters[] = {
      {kInFile, 'f'}, {kOnCommandLine, 'o'}, {kInConnection, 'b'}, {kInClientConfig, 'c'}, {kPushed, 'p'}};
  std::string letters;
  for (const auto& [context, letter] : kLetters)
    if ((directive.contexts & context) != 0) letters += letter;
  if (directive.allows_inline == Inline::yes && directive.verdict == Verdict::works) letters += 'i';
  return letters;
}

// A cell of a Markdown table: a bar would end it.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string row(const Directive& directive) {
  const std::string synopsis = directive.synopsis.empty() ? "" : " `" + cell(directive.synopsis) + "`";
  return fmt::format("| `{}`{} | {} | {} | {} |\n", directive.name, synopsis, mark(directive.verdict),
                     places(directive), cell(directive.text));
}

}  // namespace

bool is_own(const Directive& directive) {
  return directive.topic == Topic::batching ||
         std::find(kOwn.begin(), kOwn.end(), directive.name) != kOwn.end();
}

std::string compatibility_page() {
  constexpr std::string_view kColumns =
      "| directive | mark | where | what it does; why not; what to do instead |\n"
      "|---|---|---|---|\n";
  std::string theirs, own;
  for (const Directive* directive : all_directives()) (is_own(*directive) ? own : theirs) += row(*directive);
  return fmt::format("{}## Directives of OpenVPN\n\n{}{}\n## vpnd's own\n\n{}{}", kHead, kColumns, theirs,
                     kColumns, own);
}

}  // namespace vpnd::config
