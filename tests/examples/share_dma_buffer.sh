#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# share_dma_buffer.sh - the example prints what its comment promises.
set -eu
want="3 pages shared by splitting 1 folio; 3 of 3 may be pinned; gfn 0x100013 may not: it is private"
seen=$("${top_builddir:-.}/examples/share_dma_buffer")
[ "$seen" = "$want" ] || {
	echo "wanted: $want"
	echo "seen:   $seen"
	exit 1
}
