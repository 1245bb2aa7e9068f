# SPDX-License-Identifier: MIT
# doc/hypercalls.md is what the table that test_hypercall_matrix carries out says.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
"${1:-$top/build}/test/test_hypercall_matrix" --doc | diff -u "$top/doc/hypercalls.md" -
