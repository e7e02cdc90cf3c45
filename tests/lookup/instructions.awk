# SPDX-License-Identifier: BSD-2-Clause
#
# instructions.awk - what functions do that a lookup must not do, by their
# instructions: reads the output of objdump -d --no-show-raw-insn of x86-64.
#
#   -v roots='NAME...'	the functions to look at, with all that they call
#   -v rules=lookup	refuses instructions that are locked, fences, system calls,
#			calls that leave the library or go through a pointer, stores
#			to variables, and in the roots every store but to their own
#			stack: what these call may store to what a root gave them
#   -v rules=query	allows stores to what the caller gave, calls of the library's
#			public functions, and calls through a pointer: name among the
#			roots what it can lead to
#   -v allowed=PATTERN	calls that may leave the library
#
# Exit status 1, and a line each, if something is refused. What a store through
# a pointer may lead to is no question for this program, but for test_readonly.

/^[0-9a-f]+ <.*>:$/ {
	name = $2
	gsub(/[<>:]/, "", name)
	length_of[name] = 0
	next
}

/^ *[0-9a-f]+:\t/ {
	line = $0
	sub(/^ *[0-9a-f]+:[ \t]*/, "", line)
	sub(/[ \t]*#.*/, "", line)
	text[name, ++length_of[name]] = line
	# Only then is %rbp the stack, and not a register like the others.
	if (line ~ /^mov +%rsp,%rbp$/)
		frame[name] = 1
}

function refuse(why)
{
	print current ": " why ": " instruction
	refused++
}

# The last operand: what is written, in this syntax.
function destination(operands,    i, depth, at)
{
	for (i = 1; i <= length(operands); i++) {
		at = substr(operands, i, 1)
		depth += at == "("
		depth -= at == ")"
		if (at == "," && !depth)
			return destination(substr(operands, i + 1))
	}
	return operands
}

function look_at(mnemonic, operands, before,    to)
{
	if (instruction ~ /^lock( |$)/) {
		refuse("locked")
		return
	}
	if (mnemonic ~ /^xchg/ && operands ~ /\(/) {
		refuse("locked by itself")
		return
	}
	if (mnemonic ~ /^(syscall|sysenter|int)$/) {
		refuse("system call")
		return
	}
	if (mnemonic ~ /^([lms]fence|xbegin|cpuid|serialize)$/) {
		refuse("fence")
		return
	}
	if (mnemonic ~ /^(call|jmp|j[a-z]+)q?$/) {
		if (operands ~ /^\*/) {
			to = substr(operands, 2)
			# A switch: the register was just made an address by adding to it.
			if (mnemonic ~ /^jmp/ && to ~ /^%/ && before ~ ("^add .*," to "$"))
				return
			if (mnemonic ~ /^jmp/ && rules == "query")
				return
			if (rules != "query")
				refuse("a call through a pointer")
			return
		}
		to = operands
		sub(/^[^<]*</, "", to)
		sub(/>.*/, "", to)
		if (to ~ /@plt$/) {
			sub(/@plt$/, "", to)
			if (rules != "query" || !(to in length_of)) {
				if (allowed == "" || to !~ ("^(" allowed ")$"))
					refuse("leaves the library")
				return
			}
		}
		sub(/\+0x[0-9a-f]+$/, "", to)
		if (to == current)
			return
		if (!(to in length_of))
			refuse("leads nowhere known")
		else if (!(to in seen)) {
			seen[to] = 1
			waiting[++nwaiting] = to
		}
		return
	}
	# These name memory last and only read it, or not even that.
	if (mnemonic ~ /^(cmp|test|bt|push|i?mul|i?div)[bwlq]?$/ ||
	    mnemonic ~ /^(nop[wl]?|prefetch.*|v?u?comis[sd]|v?ptest|vtestp[sd])$/)
		return
	to = destination(operands)
	if (to ~ /\(%rip\)/ || to ~ /^%[fg]s:/ || to ~ /^0x[0-9a-f]+$/)
		refuse("stores to a variable")
	if (to !~ /\(/ || rules == "query" || !(current in is_root))
		return
	if (to !~ /\(%rsp[,)]/ && !(to ~ /\(%rbp[,)]/ && current in frame))
		refuse("stores")
}

END {
	nwaiting = split(roots, waiting, " ")
	if (!nwaiting) {
		print "no roots"
		refused++
	}
	for (i = 1; i <= nwaiting; i++)
		seen[waiting[i]] = is_root[waiting[i]] = 1
	for (i = 1; i <= nwaiting; i++) {
		current = waiting[i]
		if (!(current in length_of) || !length_of[current]) {
			print current ": no such function"
			refused++
			continue
		}
		before = ""
		for (k = 1; k <= length_of[current]; k++) {
			instruction = text[current, k]
			line = instruction
			# What may stand before a mnemonic, and changes nothing here.
			while (match(line, /^(rep|repz|repnz|notrack|bnd|cs|ds|es|ss|data16|addr32|rex(\.[WRXB]+)?) +/))
				line = substr(line, RLENGTH + 1)
			mnemonic = line
			sub(/ .*/, "", mnemonic)
			operands = line
			if (sub(/^[^ ]+ +/, "", operands) == 0)
				operands = ""
			look_at(mnemonic, operands, before)
			before = line
			ninstructions++
		}
	}
	printf "%d functions, %d instructions, %d refused\n", nwaiting, ninstructions, refused
	exit refused > 0
}
