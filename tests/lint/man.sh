#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# man.sh [TREE] - mandoc has nothing to say about the manual.
set -eu
cd "${1-${top_srcdir:-${0%/*}/../..}}/man"

mandoc=${MANDOC:-mandoc}
if ! command -v "$mandoc" >/dev/null 2>&1; then
	echo "mandoc is not installed: the manual is not linted (Debian: mandoc)"
	exit 77
fi
pages=$(find . -name '*.[0-9]' | LC_ALL=C sort)
if [ -z "$pages" ]; then
	echo "man: no pages found"
	exit 1
fi
echo "$pages" | xargs "$mandoc" -T lint -W warning
echo "$(echo "$pages" | wc -l) pages"
