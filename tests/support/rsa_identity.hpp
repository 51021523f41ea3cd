// An RSA certificate that signs itself, for tests that need another kind of key than TestCa makes.

#pragma once

#include <string>

#include "tests/support/test_pki.hpp"

namespace vpnd::test {

// 3072 bits, unless told otherwise: the certificate is then as large as those in real use.
Identity make_rsa_identity(const std::string& common_name, unsigned bits = 3072);

}  // namespace vpnd::test
