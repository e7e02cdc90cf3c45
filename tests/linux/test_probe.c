/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of linux/probe.h: what is said is true, in words, and leaves nothing behind. */
#include "settings.h"
#include "support.h"

START_TEST(probe_of_null_or_a_wrong_size_is_refused)
{
	LX_LONGER(struct gms_host) longer;
	struct gms_host host;

	ck_assert_int_eq(gms_host_probe(NULL), -EINVAL);
	GMS_INIT(&host);
	host.size = sizeof(size_t) - 1;
	ck_assert_int_eq(gms_host_probe(&host), -EINVAL);
	ck_assert_uint_eq(host.page_bytes, 0);
	GMS_INIT(&longer);
	longer.tail[15] = 1;
	ck_assert_int_eq(gms_host_probe(&longer.known), -E2BIG);
	ck_assert_uint_eq(longer.known.page_bytes, 0);
}
END_TEST

START_TEST(probe_fills_in_what_the_caller_has_room_for)
{
	LX_LONGER(struct gms_host) longer;
	struct gms_host host;

	memset(&host, 0x5a, sizeof(host));
	host.size = offsetof(struct gms_host, gmem_flags);
	ck_assert_int_eq(gms_host_probe(&host), 0);
	ck_assert_uint_eq(host.size, offsetof(struct gms_host, gmem_flags));
	ck_assert_uint_eq(host.features, lx_host()->features);
	ck_assert_uint_eq(host.page_bytes, UINT64_C(0x5a5a5a5a5a5a5a5a));

	GMS_INIT(&longer);
	ck_assert_int_eq(gms_host_probe(&longer.known), 0);
	ck_assert_uint_eq(longer.known.size, sizeof(longer));
	ck_assert_uint_eq(longer.known.features, lx_host()->features);
	for (size_t i = 0; i < sizeof(longer.tail); i++)
		ck_assert_uint_eq(longer.tail[i], 0);
}
END_TEST

START_TEST(probe_gives_a_reason_for_every_no)
{
	const struct gms_host *host = lx_host();

	for (uint32_t f = 0; f < GMS_HOST_FEATURES; f++) {
		ck_assert_int_le(host->error[f], 0);
		ck_assert_int_eq(gms_host_has(host, f), host->error[f] == 0);
	}
	ck_assert_uint_eq(host->features >> GMS_HOST_FEATURES, 0);
	ck_assert_uint_eq(host->page_bytes, (uint64_t)sysconf(_SC_PAGESIZE));
}
END_TEST

START_TEST(probe_leaves_nothing_behind)
{
	struct gms_host host;
	unsigned int fds, maps;

	GMS_INIT(&host);
	ck_assert_int_eq(gms_host_probe(&host), 0);	/* the C library's own first times */
	fds = lx_fds();
	maps = lx_maps();
	for (int i = 0; i < 3; i++) {
		GMS_INIT(&host);
		ck_assert_int_eq(gms_host_probe(&host), 0);
	}
	ck_assert_uint_eq(lx_fds(), fds);
	ck_assert_uint_eq(lx_maps(), maps);
}
END_TEST

START_TEST(probe_leaves_errno_alone)
{
	struct gms_host host;

	GMS_INIT(&host);
	errno = ENOTTY;
	ck_assert_int_eq(gms_host_probe(&host), 0);
	ck_assert_int_eq(errno, ENOTTY);
}
END_TEST

/* What the probe says of guard markers and guest_memfd is what a backing finds. */
START_TEST(probe_agrees_with_a_backing)
{
	static const uint32_t way[] = { GMS_REVOKE_GUARD, GMS_REVOKE_GUARD_VECTOR };
	static const uint32_t feature[] = { GMS_HOST_GUARD, GMS_HOST_GUARD_VECTOR };
	struct gms_backing_opts opts;
	struct gms_region_opts region;
	struct gms_backing *backing = NULL;
	const int vm = lx_vm();
	int rc;

	for (unsigned int i = 0; i < 2; i++) {
		GMS_INIT(&opts);
		GMS_INIT(&region);
		opts.bytes = lx_host()->page_bytes;
		opts.revoke = way[i];
		ck_assert_int_eq(gms_backing_new(&backing, &opts), 0);
		rc = gms_backing_region(backing, 0, 0, 0, &region);
		ck_assert_int_eq(!rc, gms_host_has(lx_host(), feature[i]));
		ck_assert_int_eq(!rc, !lx_reaches(gms_backing_hva(backing)));
		gms_backing_free(backing);
	}

	GMS_INIT(&opts);
	opts.bytes = lx_host()->page_bytes;
	opts.kind = GMS_BACKING_GUEST_MEMFD;
	opts.vm_fd = vm;
	backing = NULL;
	rc = gms_backing_new(&backing, &opts);
	ck_assert_int_eq(!rc, gms_host_has(lx_host(), GMS_HOST_GMEM_MMAP) &&
			      gms_host_has(lx_host(), GMS_HOST_GMEM_INIT_SHARED));
	gms_backing_free(backing);
	ck_assert_int_eq(vm >= 0, gms_host_has(lx_host(), GMS_HOST_KVM));
	if (vm >= 0)
		close(vm);
}
END_TEST

START_TEST(has_of_null_or_an_unknown_feature_is_false)
{
	struct gms_host host;

	GMS_INIT(&host);
	host.features = UINT64_MAX;
	ck_assert(gms_host_has(&host, 0));
	ck_assert(!gms_host_has(NULL, 0));
	ck_assert(!gms_host_has(&host, GMS_HOST_FEATURES));
	ck_assert(!gms_host_has(&host, 63));
	ck_assert(!gms_host_has(&host, UINT32_MAX));
	host.size = sizeof(size_t);
	ck_assert(!gms_host_has(&host, 0));
}
END_TEST

START_TEST(name_is_there_for_every_feature_and_no_two_share_one)
{
	for (uint32_t f = 0; f < GMS_HOST_FEATURES; f++) {
		ck_assert_ptr_nonnull(gms_host_feature_name(f));
		for (uint32_t g = 0; g < f; g++)
			ck_assert_str_ne(gms_host_feature_name(f), gms_host_feature_name(g));
	}
	ck_assert_str_eq(gms_host_feature_name(GMS_HOST_GMEM_MMAP), "guest_memfd mmap");
	ck_assert_ptr_null(gms_host_feature_name(GMS_HOST_FEATURES));
	ck_assert_ptr_null(gms_host_feature_name(UINT32_MAX));
}
END_TEST

/* Looks at each line of a report as it comes. */
struct reader {
	uint32_t lines;
	uint32_t stop_at;
	const struct gms_host *host;
};

static int read_line(void *ctx, const char *text, size_t bytes)
{
	struct reader *reader = ctx;
	const char *name = gms_host_feature_name(reader->lines);
	const bool there = gms_host_has(reader->host, reader->lines);
	const char *answer = text + 28;

	if (reader->lines == reader->stop_at)
		return -EPIPE;
	ck_assert_ptr_nonnull(name);
	ck_assert_uint_gt(bytes, 31);
	ck_assert_int_eq(strncmp(text, name, strlen(name)), 0);
	ck_assert_int_eq(text[27], ' ');
	ck_assert_int_eq(strncmp(answer, there ? "yes\n" : "no   ", there ? 4 : 5), 0);
	if (!there)
		ck_assert_uint_gt(bytes, 28 + 5 + 4);	/* some words of reason */
	ck_assert_ptr_eq(memchr(text, '\n', bytes), text + bytes - 1);
	reader->lines++;
	return 0;
}

START_TEST(report_has_a_line_for_every_feature)
{
	struct reader reader = { .stop_at = UINT32_MAX, .host = lx_host() };

	ck_assert_int_eq(gms_host_report(lx_host(), read_line, &reader), 0);
	ck_assert_uint_eq(reader.lines, GMS_HOST_FEATURES);
}
END_TEST

START_TEST(report_says_why_whatever_the_error)
{
	static const int error[] = {
		-ENOENT, -EACCES, -EPERM, -ENODEV, -ENOSYS, -EINVAL, -ENOMEM, -EOPNOTSUPP, -EIO,
		-EAGAIN, -9999,
	};
	struct gms_host host;

	for (size_t i = 0; i < sizeof(error) / sizeof(error[0]); i++) {
		struct reader reader = { .stop_at = UINT32_MAX, .host = &host };

		for (int kvm = 0; kvm < 2; kvm++) {
			GMS_INIT(&host);
			host.features = (uint64_t)kvm << GMS_HOST_KVM;
			for (uint32_t f = 0; f < GMS_HOST_FEATURES; f++)
				host.error[f] = error[i];
			reader.lines = 0;
			ck_assert_int_eq(gms_host_report(&host, read_line, &reader), 0);
			ck_assert_uint_eq(reader.lines, GMS_HOST_FEATURES);
		}
	}
}
END_TEST

START_TEST(report_stops_where_the_writer_says)
{
	struct reader reader = { .stop_at = 3, .host = lx_host() };

	ck_assert_int_eq(gms_host_report(lx_host(), read_line, &reader), -EPIPE);
	ck_assert_uint_eq(reader.lines, 3);
}
END_TEST

START_TEST(report_of_null_is_refused)
{
	struct reader reader = { .stop_at = 0, .host = lx_host() };
	struct gms_host host;

	ck_assert_int_eq(gms_host_report(NULL, read_line, &reader), -EINVAL);
	ck_assert_int_eq(gms_host_report(lx_host(), NULL, &reader), -EINVAL);
	GMS_INIT(&host);
	host.size = 0;
	ck_assert_int_eq(gms_host_report(&host, read_line, &reader), -EINVAL);
	ck_assert_uint_eq(reader.lines, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("probe");
	TCase *probe = lx_case(suite, "probe"), *report = lx_case(suite, "report");

	/* Tests beside this one must not change what is probed twice. */
	lx_settings_begin();
	tcase_add_test(probe, probe_of_null_or_a_wrong_size_is_refused);
	tcase_add_test(probe, probe_fills_in_what_the_caller_has_room_for);
	tcase_add_test(probe, probe_gives_a_reason_for_every_no);
	tcase_add_test(probe, probe_leaves_nothing_behind);
	tcase_add_test(probe, probe_leaves_errno_alone);
	tcase_add_test(probe, probe_agrees_with_a_backing);
	tcase_add_test(report, has_of_null_or_an_unknown_feature_is_false);
	tcase_add_test(report, name_is_there_for_every_feature_and_no_two_share_one);
	tcase_add_test(report, report_has_a_line_for_every_feature);
	tcase_add_test(report, report_says_why_whatever_the_error);
	tcase_add_test(report, report_stops_where_the_writer_says);
	tcase_add_test(report, report_of_null_is_refused);
	return lx_run(suite);
}
