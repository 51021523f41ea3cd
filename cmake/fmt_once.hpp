// fmt 9 instantiates the whole of its formatting in every source that formats, though its library exports it: a third of the
// time that such a source takes to compile. Precompiled where Dependencies.cmake has found that it links (VPND_FMT_ONCE): clang
// 14 has another name for it than g++, which made the library.

#pragma once

#include <fmt/format.h>

FMT_BEGIN_NAMESPACE
namespace detail {

extern template void vformat_to<char>(buffer<char>&, basic_string_view<char>,
                                      basic_format_args<FMT_BUFFER_CONTEXT(char)>, locale_ref);

}  // namespace detail
FMT_END_NAMESPACE
