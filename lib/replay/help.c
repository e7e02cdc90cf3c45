/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * help.c - what --help says; see options.h.
 */
#include "replay/options.h"

#include <stdio.h>

void options_help(void)
{
	fputs("usage: " OPTIONS_NAME " [OPTION...] TRACE\n"
	      "Replay the DMA mappings of a guest, and say what it would have cost to convert\n"
	      "them, to batch that, to keep them shared, or to bounce them.\n"
	      "\n"
	      "TRACE is a file or - for the standard input: lines of \"time_ns cpu op gpa len dir\n"
	      "dev dma\", the text of ftrace's dma events, or perf script's; plain, .xz or .zst.\n"
	      "\n"
	      "What is replayed (a LIST has commas; all combinations run at once)\n"
	      "  --strategy LIST      bounce, pool, eager, batch[=N], lazy[=PAGES[,MS]], keep,\n"
	      "                       pread, or all (" OPTIONS_STRATEGIES ")\n"
	      "  --profile LIST       whose rules: generic, kvm-attrs, gmem-inplace, snp ..\n"
	      "                       (gmem-inplace)\n"
	      "  --folio LIST         of the guest's memory: 4k, 2m, 1g (2m)\n"
	      "  --by gpa|dma         lend the buffer, or the address the device was given (gpa)\n"
	      "  --ram SIZE           addresses of the guest's memory (4T)\n"
	      "  --pool SIZE          bounce, pool: how much there is at first, and more (64M)\n"
	      "  --batch-wait US      batch: longest wait in the trace's time (1000)\n"
	      "\n"
	      "How it is read\n"
	      "  --form NAME          lines, ftrace or perf (as the first line says)\n"
	      "  --skip-bad           count damaged lines, and go on\n"
	      "  --most-outstanding N mappings that are not unmapped (16777216)\n"
	      "  --most-memory SIZE   for each replay, to keep track of pages (2G)\n"
	      "  --until SECONDS      stop at that time of the trace, from its first event on\n"
	      "  --realtime[=SPEED]   in the trace's own time, or SPEED times as fast\n"
	      "  --jobs N             threads that replay (one a CPU)\n"
	      "\n"
	      "What it costs\n"
	      "  --model NAME         host: measured now, in two seconds; example; none; or the\n"
	      "                       file of an earlier --save-model (host)\n"
	      "  --save-model FILE    keep the model\n"
	      "  --threads N          vCPUs that run meanwhile (the trace's, less one)\n"
	      "  --ask NAME           who hears a wish to convert: vmm, kernel, none (vmm)\n"
	      "  --doorbell NAME      who hears of a request: vmm, kernel, none (kernel)\n"
	      "  --backing NAME       guard, mprotect, attributes, in-place (as the profile does)\n"
	      "  --guest-memfd        the guest maps what turned private again, by a fault each\n"
	      "  --warm               what is copied is in the cache\n"
	      "\n"
	      "What comes out\n"
	      "  --json FILE          all numbers as JSON; - is the standard output\n"
	      "  --openmetrics FILE   what to graph and compare, as OpenMetrics; - as above\n"
	      "  --svg DIR            pictures, and index.html that shows them (gnuplot)\n"
	      "  --save DIR           memory in the end, as DIR/eager.snap .. for gmemstate-map\n"
	      "  --no-table           no table on the standard output\n"
	      "  --quiet              no bar while it runs\n"
	      "  --help, --version\n", stdout);
}
