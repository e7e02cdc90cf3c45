# SPDX-License-Identifier: BSD-2-Clause
# advice.gp - from which length on a strategy pays: a request's time, divided by that
# with bounce. A panel for each way that buffers are used.
# data: "strategy buffers bytes ratio estimated-ratio", sorted; out: the SVG.
set terminal svg size 1000,1250 dynamic font "sans-serif,14" background "white"
set output out
set multiplot layout 3,1
set logscale xy
set grid lc rgb "#dddddd"
set xrange [3400:1260000]
set ytics (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10)
set yrange [0.18:5.5]
set lmargin 9
set rmargin 18
set key outside right center Left reverse samplen 2
set xtics ("4K" 4096, "8K" 8192, "16K" 16384, "32K" 32768, "64K" 65536, "128K" 131072, \
	"256K" 262144, "512K" 524288, "1M" 1048576)

names = "pool convert convert-batch lazy persistent pread"
labels = "pool convert batch lazy keep pread"
# Colours that people who see few of them can tell apart, and a shape each.
colour(i) = word("#0072b2 #d55e00 #e69f00 #cc79a7 #009e73 #56b4e9", i)
shape(i) = int(word("7 9 11 13 3 2", i))
rows(name, reuse) = sprintf("<awk '$1 == \"%s\" && $2 == \"%s\"' %s", name, reuse, data)
have(name, reuse) = int(system(sprintf("awk '$1 == \"%s\" && $2 == \"%s\"' %s | wc -l", \
	name, reuse, data)))
reuses = system("cut -d' ' -f2 ".data." | sort -u | sort -n | awk '$1 != \"all\" { print } $1 == \"all\" { all = 1 } END { if (all) print \"all\" }'")

do for [k = 1:words(reuses)] {
	reuse = word(reuses, k)
	set ylabel "of bounce's time"
	set title (reuse eq "all" ? "each buffer used once" : \
		   reuse eq "1" ? "one buffer, used again at once" : \
		   reuse." buffers in turn")
	set xlabel k == words(reuses) ? "bytes of a request; dashed: estimated" : ""
	shown = ""
	do for [i = 1:words(names)] {
		if (have(word(names, i), reuse) > 0) { shown = shown." ".i }
	}
	plot for [s in shown] rows(word(names, int(s)), reuse) using 3:4 with linespoints \
		lc rgb colour(int(s)) lw 2 pt shape(int(s)) ps 0.7 title word(labels, int(s)), \
	     for [s in shown] rows(word(names, int(s)), reuse) using 3:5 with lines \
		lc rgb colour(int(s)) lw 1 dt 2 notitle, \
	     1 with lines lc rgb "#000000" lw 1 notitle
}
unset multiplot
