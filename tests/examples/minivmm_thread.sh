#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# minivmm_thread.sh - the same guest as a thread, on every host.
mode=thread
top_srcdir=${top_srcdir:-${0%/*}/../..}
. "$top_srcdir/tests/examples/minivmm.sh"
