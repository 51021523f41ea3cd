// What vpnd does with every directive of OpenVPN, as a page for people: docs/openvpn-compatibility.md.
#pragma once

#include <string>

namespace vpnd::config {

struct Directive;

/// Whether OpenVPN does not know it: it is vpnd's own.
bool is_own(const Directive& directive);

/// The page in Markdown, one row for each directive, made from the table that the parser reads by.
std::string compatibility_page();

}  // namespace vpnd::config
