/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file version.h
 * @brief Which library is this: at compile time and at run time.
 */
#ifndef GMEMSTATE_VERSION_H
#define GMEMSTATE_VERSION_H

#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** Major version the program was compiled against. */
#define GMS_VERSION_MAJOR	0
/** Minor version the program was compiled against. */
#define GMS_VERSION_MINOR	1
/** Patch level the program was compiled against. */
#define GMS_VERSION_PATCH	0
/** The three in one number: major << 16 | minor << 8 | patch. */
#define GMS_VERSION	((GMS_VERSION_MAJOR << 16) | (GMS_VERSION_MINOR << 8) | GMS_VERSION_PATCH)

/**
 * @brief Version of the library that is running, in the form of #GMS_VERSION.
 * @return major << 16 | minor << 8 | patch.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API uint32_t gms_version(void);

/**
 * @brief Version of the library that is running, as text: "0.1.0".
 * @return A constant string.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API const char *gms_version_string(void);

GMS_END_DECLS
#endif
