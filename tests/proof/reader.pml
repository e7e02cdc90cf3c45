/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reader.pml - a spin model of the map's readers and writers.
 *
 * What lib/map/map.h says under R1 to R3 and W1 to W5 is done here by one
 * reader and two writers, step by step, one load or store of shared memory a
 * step, in every order that there is. proof.sh runs it.
 *
 * The claim: a read gives every page a state that the page had at some moment
 * between the start of the read and its end. Writers note each state in the
 * step that makes it the page's (cur, seen); the reader asserts that what it
 * returns was noted.
 *
 * The world: a region with one GiB, whose pages are read, and a GiB of another
 * region that exchanges chunks and leaves with it; two chunks, two leaves, two
 * region tables, one array of GiB words. A chunk has BLOCKS blocks, of each of
 * which one page is looked at; a leaf is the bit of that page. The first writer
 * changes the GiB that is read and takes its region away, the second changes
 * the other GiB: each makes as many edits as OPS0 and OPS1 say, any that are
 * possible. What is given back is overwritten at once (the pool's link) with
 * the bit that does most harm.
 *
 * Memory is that of C11, not sequentially consistent. A location is the list of
 * all values it ever had. A store adds one and keeps with it what the writer
 * knows of, as a vector clock. A load takes any value but those that the reader
 * knows to be replaced; an acquire load of a release store adds the store's
 * knowledge to the reader's. Pool locks pass knowledge from one writer to the
 * next. So hosts that show stores in different orders to different CPUs are
 * covered too. Nothing that a writer does depends on a reader, so loads that
 * come early, which the lists do not show, can find no value that is not in them.
 *
 * Not covered: tags and generations that wrap; more than one leaf or chunk on
 * either side of an exchange; the search among rows; counts; the palette;
 * the locks, and that writers of one GiB exclude each other; that a reader ends.
 * A region goes while the second writer works, which stripes prevent: that is
 * more than may happen.
 *
 * FEWER_RAISES leaves out the raises that W2 and W4 make for good measure: for a
 * leaf that comes where none was, and for a chunk that goes. The claim holds
 * without them, so code may make them or not.
 *
 * Errors to plant, each of which must be found:
 *   RAISE_FIRST      W2: the generation rises before the word is stored
 *   REUSE_FIRST      W2: the old leaf is reused before the generation rises
 *   NO_RAISE         W2: it does not rise
 *   NO_R1, NO_R2, NO_R3  the reader does not look again
 *   NO_ROW_CHECK     R3: it does so at the end only, and follows any row
 *   NO_GIB_TAG       W4: the GiB's word may come back
 *   NO_TABLE_TAG     W5: the table's word may come back
 *   ARRAY_FIRST      W5: the array is reused before the region goes
 *   RELAXED_FILL     W1: a leaf is filled with stores that are not release
 *   RELAXED_LEAF     R1: a leaf is read by loads that are not acquire
 *   RELAXED_LOOK     R1: so is the generation the first time
 */

#ifndef OPS0
#define OPS0	2
#endif
#ifndef OPS1
#define OPS1	2
#endif
#ifndef BLOCKS
#define BLOCKS	1
#endif

/* --- Memory -------------------------------------------------------------------- */

#define TABLE		0
#define ROW(t)		(1 + (t))
#define GIB(g)		(3 + (g))
#define GENERATION(c)	(5 + (c))
#define LEAF(l)		(7 + (l))
#define WORD(c, b)	(9 + (c) * BLOCKS + (b))
#define LOCATIONS	(9 + 2 * BLOCKS)

#define VALUES		6	/* a location may have, one after the other */
#define AT(loc, i)	((loc) * VALUES + (i))

byte nvalues[LOCATIONS];
byte value[LOCATIONS * VALUES];
bit  owner[LOCATIONS * VALUES];	/* the writer, */
byte nth[LOCATIONS * VALUES];	/* its so many-th store, */
byte with0[LOCATIONS * VALUES];	/* and how many stores of each it carries */
byte with1[LOCATIONS * VALUES];

byte known0[2], known1[2];	/* by each writer: how many stores of each */
byte pool0[2], pool1[2];	/* by who held the pool's lock last */
byte known_r0, known_r1;	/* by the reader */

#define LATEST(loc)	value[AT(loc, nvalues[loc] - 1)]
#define KNOWN(at)	(nth[at] <= (owner[at] -> known_r1 : known_r0))

hidden byte at;

inline join(to, from)
{
	if
	:: from > to -> to = from
	:: else
	fi
}

inline append(loc, v, is_release)
{
	assert(nvalues[loc] < VALUES);
	at = AT(loc, nvalues[loc]);
	value[at] = v;	/* which may be made of the latest one */
	owner[at] = me;
	if
	:: me == 0 -> known0[0]++; nth[at] = known0[0]
	:: else -> known1[1]++; nth[at] = known1[1]
	fi;
	if
	:: is_release -> with0[at] = known0[me]; with1[at] = known1[me]
	:: else
	fi;
	nvalues[loc]++;
	at = 0
}

inline store(loc, v) { append(loc, v, true) }

/* The reader's: any value that it does not know to be replaced. */
inline load_relaxed(loc, to)
{
	i = nvalues[loc] - 1;
	do
	:: i > 0 && !KNOWN(AT(loc, i)) -> i--
	:: break
	od;
	to = value[AT(loc, i)];
	at = AT(loc, i);
	i = 0
}

inline load(loc, to)
{
	load_relaxed(loc, to);
	join(known_r0, with0[at]);
	join(known_r1, with1[at])
}

/* --- What words say -------------------------------------------------------------- */

/*
 * States: 1 to 4 in the GiB that is read, 5 and 6 in the other, 7 in a region
 * that comes after, 0 is a hole. Pairs of places: 1 2, 3 4, 5 6.
 */
#define HOLE		0
#define FOREIGN		7
#define UNIFORM		8
#define IS_UNIFORM(w)	((w) & 8)
#define STATE(w)	((w) & 7)
#define PLANE(l, p)	((l) | (p) << 1)
#define HAS_LEAF(w)	(!IS_UNIFORM(w))
#define LEAF_OF(w)	((w) & 1)
#define PAIR_OF(w)	((w) >> 1 & 3)
#define STATE_OF(p, v)	(1 + 2 * (p) + (v))
#define PAIR_WITH(s)	(((s) - 1) >> 1)
#define BIT_WITH(s)	(((s) - 1) & 1)
#define CHUNK_OF(gib)	((gib) & 1)

/* GiB and table words have a tag above what they say. */
#ifdef NO_GIB_TAG
#define NEXT_GIB(old, new)	(new)
#else
#define NEXT_GIB(old, new)	((((old) & 240) + 16) | (new))
#endif
#ifdef NO_TABLE_TAG
#define NEXT_TABLE(old)		(1 - ((old) & 1))
#else
#define NEXT_TABLE(old)		((((old) + 2) & 254) | (1 - ((old) & 1)))
#endif

/* --- The truth ------------------------------------------------------------------- */

bool reading;
byte cur[BLOCKS];	/* the state of the page of each block */
byte seen[BLOCKS];	/* those it had since the read began */
byte rows;		/* which tables, by tag, have the region */

inline becomes(b, s)
{
	cur[b] = s;
	if
	:: reading -> seen[b] = seen[b] | 1 << (s)
	:: else
	fi
}

inline all_become(s)
{
	becomes(0, s);
#if BLOCKS > 1
	becomes(1, s)
#endif
}

/* --- Pools ----------------------------------------------------------------------- */

#define LEAVES	0
#define CHUNKS	1

byte idle[2];	/* free ones, a bit each */

inline take(pool, x)
{
	if
	:: idle[pool] & 1 -> x = 0
	:: idle[pool] & 2 -> x = 1
	fi;
	idle[pool] = idle[pool] & ~(1 << x);
	join(known0[me], pool0[pool]);
	join(known1[me], pool1[pool])
}

inline give(pool, x)
{
	join(known0[me], pool0[pool]);
	join(known1[me], pool1[pool]);
	pool0[pool] = known0[me];
	pool1[pool] = known1[me];
	idle[pool] = idle[pool] | 1 << (x)
}

/* --- Writers --------------------------------------------------------------------- */

#define OTHER_STATE(s)	((s) > 4 -> 11 - (s) : (((s) - 1) ^ 2) + 1)

#define GIB_NOW		LATEST(GIB(g))
#define WORD_NOW	LATEST(WORD(CHUNK_OF(GIB_NOW), b))
#define BIT_NOW		LATEST(LEAF(LEAF_OF(WORD_NOW)))
#define STATE_NOW	(IS_UNIFORM(WORD_NOW) -> STATE(WORD_NOW) : \
						 STATE_OF(PAIR_OF(WORD_NOW), BIT_NOW))
#define IN_GIB		(ops > 0 && mapped && IS_UNIFORM(GIB_NOW))
#define IN_CHUNK	(ops > 0 && mapped && !IS_UNIFORM(GIB_NOW))
#define IN_WORD		(IN_CHUNK && !HAS_LEAF(WORD_NOW))
#define IN_LEAF		(IN_CHUNK && HAS_LEAF(WORD_NOW))

inline raise(chunk) { store(GENERATION(chunk), LATEST(GENERATION(chunk)) + 1) }

inline fill(l, v)
{
#ifdef RELAXED_FILL
	append(LEAF(l), v, false)
#else
	store(LEAF(l), v)
#endif
}

/* The link through a leaf that is given back is stored like data. */
inline give_leaf(l)
{
	store(LEAF(l), 1 - LATEST(LEAF(l)));
	give(LEAVES, l)
}

inline give_old_leaf()
{
	if
	:: HAS_LEAF(old) && (IS_UNIFORM(new) || LEAF_OF(new) != LEAF_OF(old)) ->
		give_leaf(LEAF_OF(old))
	:: else
	fi
}

#ifdef FEWER_RAISES
#define RAISES	(HAS_LEAF(old))
#else
#define RAISES	(HAS_LEAF(old) || HAS_LEAF(new))
#endif

inline raise_of_leaf()
{
	atomic {
		if
		:: RAISES -> raise(c)
		:: else
		fi
	}
}

inline next_edit()
{
	c = 0;
	leaf = 0;
	old = 0;
	new = 0;
	s = 0;
#if BLOCKS > 1
	if
	:: b = 0
	:: b = 1
	fi
#endif
}

/* W2: the block's word old becomes new. */
inline replace()
{
#ifdef RAISE_FIRST
	raise_of_leaf();
#endif
	atomic {
		old = WORD_NOW;
		append(WORD(c, b), new, true);
		if
		:: g == 0 && IS_UNIFORM(new) -> becomes(b, STATE(new))
		:: g == 0 && !IS_UNIFORM(new) ->
			becomes(b, STATE_OF(PAIR_OF(new), LATEST(LEAF(LEAF_OF(new)))))
		:: else
		fi
	};
#ifdef REUSE_FIRST
	atomic { give_old_leaf() };
#endif
#if !defined(RAISE_FIRST) && !defined(NO_RAISE)
	raise_of_leaf();
#endif
}

inline publish()
{
	replace();
	atomic {
#ifndef REUSE_FIRST
		give_old_leaf();
#endif
		next_edit()
	}
}

inline turn_bit()
{
	s = STATE_OF(PAIR_OF(WORD_NOW), 1 - BIT_NOW);
	store(LEAF(LEAF_OF(WORD_NOW)), BIT_WITH(s));
	if
	:: g == 0 -> becomes(b, s)
	:: else
	fi
}

/* W4: the GiB's word says a state. */
inline publish_uniform()
{
	store(GIB(g), NEXT_GIB(GIB_NOW, UNIFORM | s));
	if
	:: g == 0 -> all_become(s)
	:: else
	fi
}

/* W4, W5: nobody finds the chunk any more. */
inline drop_chunk()
{
#ifndef FEWER_RAISES
	atomic { raise(c) };
#endif
	b = 0;
	do
	:: atomic { b < BLOCKS && HAS_LEAF(LATEST(WORD(c, b))) ->
		give_leaf(LEAF_OF(LATEST(WORD(c, b))));
		b++ }
	:: atomic { b < BLOCKS && !HAS_LEAF(LATEST(WORD(c, b))) -> b++ }
	:: atomic { b == BLOCKS -> give(CHUNKS, c); b = 0; next_edit(); break }
	od
}

/* W5: the next table is written into the twin of the current one. */
inline fill_table(there) { store(ROW(1 - (LATEST(TABLE) & 1)), there) }

inline publish_table(there, state_then)
{
	store(TABLE, NEXT_TABLE(LATEST(TABLE)));
	rows = rows | there << (LATEST(TABLE) >> 1);
	all_become(state_then)
}

/* A step is what is atomic: one store, and what no reader can see. */
proctype writer(bit me; byte ops)
{
	bit g = me, c, leaf;
	byte b, old, new, s;
	bool mapped = true, foreign;

	do
	:: atomic { IN_GIB && g == 0 ->
		/* The GiB changes whole: one word. */
		ops--;
		s = OTHER_STATE(STATE(GIB_NOW));
		publish_uniform();
		next_edit() }
	:: atomic { IN_GIB && idle[CHUNKS] ->
		/* W4: a chunk that says the same. */
		ops--;
		s = STATE(GIB_NOW);
		take(CHUNKS, c);
		store(WORD(c, 0), UNIFORM | s) };
#if BLOCKS > 1
		atomic { store(WORD(c, 1), UNIFORM | s) };
#endif
		atomic { store(GIB(g), NEXT_GIB(GIB_NOW, c));
		next_edit() }
	:: atomic { IN_WORD ->
		ops--;
		c = CHUNK_OF(GIB_NOW);
		new = UNIFORM | OTHER_STATE(STATE(WORD_NOW)) };
		publish()
	:: atomic { IN_WORD && idle[LEAVES] ->
		/* Other pages of the block change, this one does not. */
		ops--;
		c = CHUNK_OF(GIB_NOW);
		s = STATE(WORD_NOW);
		take(LEAVES, leaf);
		new = PLANE(leaf, PAIR_WITH(s));
		fill(leaf, BIT_WITH(s)) };
		publish()
	:: atomic { IN_LEAF ->
		/* W3 */
		ops--;
		turn_bit();
		next_edit() }
	:: atomic { IN_LEAF && g == 0 ->
		/* The other places, the same bits; and then other bits. */
		ops--;
		c = CHUNK_OF(GIB_NOW);
		new = PLANE(LEAF_OF(WORD_NOW), 1 - PAIR_OF(WORD_NOW)) };
		replace();
		atomic { turn_bit();
		next_edit() }
	:: atomic { IN_LEAF && idle[LEAVES] ->
		/* Another leaf, the same bit. */
		ops--;
		c = CHUNK_OF(GIB_NOW);
		take(LEAVES, leaf);
		new = PLANE(leaf, PAIR_OF(WORD_NOW));
		fill(leaf, BIT_NOW) };
		publish()
	:: atomic { IN_LEAF ->
		ops--;
		c = CHUNK_OF(GIB_NOW);
		new = UNIFORM | STATE_NOW };
		publish()
	:: atomic { IN_CHUNK ->
		/* W4: the GiB becomes uniform, whatever was in its chunk. */
		ops--;
		c = CHUNK_OF(GIB_NOW);
		s = STATE_NOW;
		publish_uniform() };
		drop_chunk()
	:: atomic { IN_CHUNK && g == 0 ->
		/* W5: the region goes. */
		ops--;
		c = CHUNK_OF(GIB_NOW);
		mapped = false;
		fill_table(0) };
		atomic { publish_table(0, HOLE) };
		drop_chunk()
	:: atomic { (IN_GIB || ops > 0 && foreign) && g == 0 ->
		/* The region goes, or the one that came after it. */
		ops--;
		mapped = false;
		foreign = false;
#ifdef ARRAY_FIRST
		store(GIB(0), NEXT_GIB(GIB_NOW, UNIFORM | FOREIGN)) };
		atomic {
#endif
		fill_table(0) };
		atomic { publish_table(0, HOLE);
		next_edit() }
	:: atomic { ops > 0 && g == 0 && !mapped && !foreign ->
		/* Its array serves a region elsewhere. */
		ops--;
		foreign = true;
		store(GIB(0), NEXT_GIB(GIB_NOW, UNIFORM | FOREIGN)) };
		atomic { fill_table(0) };
		atomic { publish_table(0, HOLE);
		next_edit() }
	:: atomic { ops > 0 && g == 0 && !mapped && !foreign ->
		ops--;
		mapped = true;
		store(GIB(0), NEXT_GIB(GIB_NOW, UNIFORM | 3)) };
		atomic { fill_table(1) };
		atomic { publish_table(1, 3);
		next_edit() }
	:: ops == 0 -> break
	od
}

/* --- The reader ------------------------------------------------------------------ */

/*
 * A reader that starts again finds nothing that it could not find at its first
 * attempt, had it waited: it knows more, and the claim is about the same time.
 * So what follows the first attempt need not be looked at.
 */
inline same(loc, word)
{
	load_relaxed(loc, again);
	if
	:: again != word -> goto start_again
	:: else -> again = 0
	fi
}

proctype reader()
{
	byte table, gib, generation, again, i, b;
	byte w = UNIFORM;
	byte state[BLOCKS];
	bit row, bits;
	bool look;

	/* A read that begins later knows all that was stored before. */
	atomic {
		reading = true;
		known_r0 = known0[0];
		known_r1 = known1[1];
		seen[0] = 1 << cur[0];
#if BLOCKS > 1
		seen[1] = 1 << cur[1];
#endif
		load(TABLE, table)
	};
	atomic { load(ROW(table & 1), row) };
#ifndef NO_ROW_CHECK
	atomic { same(TABLE, table) };	/* R3, before the row is believed */
#endif
	atomic {
#ifndef NO_TABLE_TAG
		assert(row == (rows >> (table >> 1) & 1));
#endif
		if
		:: !row -> goto done
		:: else
		fi;
		load(GIB(0), gib);
		if
		:: IS_UNIFORM(gib) ->
			state[0] = STATE(gib);
#if BLOCKS > 1
			state[1] = STATE(gib);
#endif
			goto check_table
		:: else
		fi
	};
#ifdef RELAXED_LOOK
	atomic { load_relaxed(GENERATION(CHUNK_OF(gib)), generation) };
#else
	atomic { load(GENERATION(CHUNK_OF(gib)), generation) };
#endif
	do
	:: atomic { b < BLOCKS && !HAS_LEAF(w) ->
		load(WORD(CHUNK_OF(gib), b), w);
		if
		:: !HAS_LEAF(w) -> state[b] = STATE(w); b++
		:: else
		fi }
	:: atomic { HAS_LEAF(w) ->
#ifdef RELAXED_LEAF
		load_relaxed(LEAF(LEAF_OF(w)), bits);
#else
		load(LEAF(LEAF_OF(w)), bits);
#endif
		state[b] = STATE_OF(PAIR_OF(w), bits);
		look = true;
		w = UNIFORM;
		b++ }
	:: atomic { b == BLOCKS -> break }
	od;
#ifndef NO_R1
	if
	:: atomic { look -> same(GENERATION(CHUNK_OF(gib)), generation) }	/* R1 */
	:: else
	fi;
#endif
#ifndef NO_R2
	atomic { same(GIB(0), gib) };	/* R2 */
#endif
check_table:
#ifndef NO_R3
	atomic { same(TABLE, table) };	/* R3 */
#endif
done:
	atomic {
		/* The claim. */
		assert(seen[0] >> state[0] & 1);
#if BLOCKS > 1
		assert(seen[1] >> state[1] & 1);
#endif
start_again:
		reading = false;
		known_r0 = 0;
		known_r1 = 0;
		seen[0] = 0;
		state[0] = 0;
#if BLOCKS > 1
		seen[1] = 0;
		state[1] = 0;
#endif
		table = 0; row = 0; gib = 0; generation = 0; w = 0; bits = 0; again = 0; b = 0;
		look = false
	}
}

init {
	byte loc;

	atomic {
		do
		:: loc < LOCATIONS -> nvalues[loc] = 1; loc++
		:: else -> break
		od;
		loc = 0;
		value[AT(ROW(0), 0)] = 1;
		rows = 1;
		cur[0] = 1;
#if BLOCKS > 1
		cur[1] = 1;
		value[AT(WORD(0, 1), 0)] = UNIFORM | 1;
#endif
		if
		:: value[AT(GIB(0), 0)] = UNIFORM | 1;
			idle[CHUNKS] = 3;
			idle[LEAVES] = 3
		:: value[AT(GIB(0), 0)] = 0;
			value[AT(WORD(0, 0), 0)] = PLANE(0, 0);
			idle[CHUNKS] = 2;
			idle[LEAVES] = 2
		fi;
		value[AT(GIB(1), 0)] = UNIFORM | 6;
		run writer(0, OPS0);
		run writer(1, OPS1);
		run reader()
	}
}
