#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# options.sh - what cannot be done is said, with what to do; a damaged line by its number.
# shellcheck source-path=SCRIPTDIR
. "${0%/*}/lib.sh"

cat >"$work/good" <<'END'
1000 0 M 1000 16 T 00:02.0 1000
2000 0 U 1000 16 T 00:02.0 1000
END

"$program" --help >"$work/out" || fail "--help"
for option in $("$program" --help | tr -cs 'a-z-' '\n' | grep '^--[a-z]' | sort -u); do
	grep -q -e "Fl Fl ${option#--}\$\|Fl Fl ${option#--} " "$top_srcdir/man/man1/gmemstate-replay.1" ||
		fail "the manual lacks $option"
	grep -q -e "$option\\b" "$top_srcdir/lib/replay/gmemstate-replay.bash" ||
		fail "the completion lacks $option"
done
[ "$("$program" --version)" = "gmemstate-replay $(sh "$top_srcdir/build-aux/version")" ] ||
	fail "--version"

refused 2 '"what" is none that there is; bounce pool eager' --strategy eager,what "$work/good"
refused 2 "eager, twice" --strategy eager,eager "$work/good"
refused 2 "batch, twice" --strategy batch=8,batch "$work/good"
refused 2 "lazy=016, twice" --strategy lazy=16,lazy=016 "$work/good"
refused 2 "snp, twice" --profile snp,tdx,snp "$work/good"
refused 2 "2m, twice" --folio 4k,2m --folio 2m "$work/good"
refused 2 "none to keep" --model none --save-model "$work/kept" "$work/good"
refused 2 "takes no number" --strategy eager=3 "$work/good"
refused 2 "from 1 to 65536" --strategy batch=0 "$work/good"
refused 2 "from 1 to 65536" --strategy batch=99999999999999999999 "$work/good"
refused 2 'not ""' --strategy lazy= "$work/good"
refused 2 "milliseconds" --strategy lazy=1,2x "$work/good"
refused 2 '"vax" is none that there is; generic' --profile vax "$work/good"
refused 2 "is none that there is; 4k 2m 1g are" --folio 4m "$work/good"
refused 2 "more than 64" --strategy all --profile generic,snp,tdx,cca --folio 4k,2m,1g "$work/good"
refused 2 "a multiple of 1024 MiB" --ram 100M "$work/good"
refused 2 "a multiple of 2 MiB" --pool 3M "$work/good"
refused 2 "a multiple of 2 MiB" --pool 99999999999999999999 "$work/good"
refused 2 "how many times as fast" --realtime=-1 "$work/good"
refused 2 "how many times as fast" --realtime=fast "$work/good"
refused 2 "seconds of the trace's time" --until x "$work/good"
refused 2 "seconds of the trace's time" --until "" "$work/good"
refused 2 "seconds of the trace's time" --until=-1 "$work/good"
refused 2 "seconds of the trace's time" --until 12s "$work/good"
refused 2 "seconds of the trace's time" --until nan "$work/good"
refused 2 "seconds of the trace's time" --until inf "$work/good"
refused 2 "from 1 to" --jobs 0 "$work/good"
refused 2 "is none that there is" --by gfn "$work/good"
refused 2 "is none that there is" --ask me "$work/good"
refused 2 "is none that there is" --backing paper "$work/good"
refused 2 "one trace at a time" "$work/good" "$work/good"
refused 2 "--help" --no-such-option "$work/good"
refused 2 "cannot both" --json - --openmetrics - "$work/good"
refused 1 "none.txt" --save-model "$work/early" "$work/none.txt"
[ ! -e "$work/early" ] || fail "a host was measured for a trace that is not there"
refused 1 "no-such-model" --model "$work/no-such-model" "$work/good"
echo "gmemstate-cost 1" >"$work/model"
refused 1 "$work/model:" --model "$work/model" "$work/good"
refused 1 "$work/none/json: No such file" --no-table --json "$work/none/json" "$work/good"
refused 1 "$work/none/then: No such file" --save "$work/none/then" "$work/good"
refused 1 "$work/good/bounce.snap: Not a directory" --save "$work/good" "$work/good"

# Lines that are none, and lines that no guest makes.
bad()
{
	printf '%s\n' "# a comment" "$1" | cat - "$work/good" >"$work/bad"
	refused 1 "$work/bad:2: expected $2" "$work/bad"
	"$program" --model none --skip-bad "$work/bad" >"$work/out" || fail "--skip-bad: $1"
	grep -q "^1 damaged line passed over" "$work/out" || fail "not counted: $1"
}
bad "what is this" "a line of a trace"
bad "1000 0 M 1000 x T 00:02.0 1000" "a length in bytes"
bad "1000 0 M 1000 0 T 00:02.0 1000" "a length"
bad "1000 0 M 1000 1073741825 T 00:02.0 1000" "a length"
bad "1000 0 M 40000000000 16 T 00:02.0 1000" "an address within the guest's memory"
bad "1000 0 M 3fffffffff8 16 T 00:02.0 1000" "an address within the guest's memory"

for i in 1 2 3; do
	echo "${i}000 0 M 1000 16 T 00:02.0 1000"
done >"$work/many"
refused 1 "$work/many:3: 2 mappings are outstanding" --most-outstanding 2 "$work/many"
echo "1000 0 M 1000 4194304 T 00:02.0 1000" >"$work/long"
refused 1 "make it larger (--pool)" --pool 2M --strategy pool "$work/long"
"$program" --model none --pool 4M --strategy pool "$work/long" >"$work/out" || fail "--pool 4M"

# An unmap of what was mapped before is counted; nothing at all is nothing.
sed 1d "$work/good" >"$work/late"
"$program" --model none "$work/late" >"$work/out" || fail "an unmap without a map"
grep -q "^1 unmap of what was mapped before" "$work/out" || fail "not counted: an unmap"
: >"$work/empty"
"$program" --model example "$work/empty" >"$work/out" || fail "an empty trace"
grep -q "^no buffer was mapped" "$work/out" || fail "not said: nothing is mapped"
! grep -q "^cheapest" "$work/out" || fail "the cheapest way to do nothing"

# A model that is kept is a model that can be used.
"$program" --model example --save-model "$work/kept" --no-table "$work/good" || fail "--save-model"
"$program" --model "$work/kept" "$work/good" >"$work/out" || fail "--model FILE"
grep -q "cost by $work/kept" "$work/out" || fail "the model's name"
