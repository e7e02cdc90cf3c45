/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings.h - settings of the machine that a test needs, and that are put back.
 *
 * lx_settings_begin() comes first in main(). It takes a lock that tests which
 * change settings have in common, and goes on in a child: the parent waits for
 * it and puts back what it changed, however it ended. If the parent is killed
 * too, the next test that takes the lock puts it back.
 *
 * Only root has the lock; for others everything here answers -EACCES, and the
 * test leaves out what it cannot have.
 */
#ifndef LINUX_SETTINGS_H
#define LINUX_SETTINGS_H

#include <stdint.h>

#define LX_HUGE_2M	(UINT64_C(2) << 20)
#define LX_HUGE_1G	(UINT64_C(1) << 30)

/* Returns in the child, with the lock; or in this process, if it cannot be had. */
void lx_settings_begin(void);

/* Write a setting below /sys or /proc/sys. 0, or a negative errno. */
int lx_setting(const char *path, const char *value);

/* At least so many free huge pages of a size. 0, -ENOMEM, or what lx_setting() says. */
int lx_settings_huge(uint64_t page_bytes, uint64_t npages);

/* Huge pages for memfd where they are advised. 0, or a negative errno. */
int lx_settings_thp(void);

#endif
