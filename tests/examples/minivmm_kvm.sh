#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# minivmm_kvm.sh - the guest on KVM; skipped where there is none.
mode=kvm
top_srcdir=${top_srcdir:-${0%/*}/../..}
. "$top_srcdir/tests/examples/minivmm.sh"
