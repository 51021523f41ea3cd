// An RSA certificate that signs itself, for tests that need another kind of key than TestCa makes.

#pragma once

#include <string>

#include "tests/support/test_pki.hpp"

namespace vpnd::test {

// 3072 bits, so that the certificate is as large as those in real use.
Identity make_rsa_identity(const std::string& common_name);

}  // namespace vpnd::test
