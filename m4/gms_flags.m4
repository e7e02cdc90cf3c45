# SPDX-License-Identifier: BSD-2-Clause
#
# Probes of compiler and linker flags. Each links, since some flags are taken
# by the compiler and refused by the linker. -Werror turns the compilers that
# only warn about a flag they do not know into compilers that refuse it.

# GMS_LINK_FLAG(FLAG, EXTRA-FLAGS, IF-TAKEN, IF-NOT)
AC_DEFUN([GMS_LINK_FLAG],
[AS_VAR_PUSHDEF([var], [gms_cv_flag_$1])dnl
AC_CACHE_CHECK([whether $CC takes $1], [var],
	[gms_save_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS -Werror $2 $1"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([[]], [[]])],
		[AS_VAR_SET([var], [yes])], [AS_VAR_SET([var], [no])])
	CFLAGS=$gms_save_CFLAGS])
AS_VAR_IF([var], [yes], [$3], [$4])
AS_VAR_POPDEF([var])])

# GMS_CFLAG(FLAG): add FLAG to GMS_CFLAGS if it is taken.
AC_DEFUN([GMS_CFLAG],
[GMS_LINK_FLAG([$1], [], [GMS_CFLAGS="$GMS_CFLAGS $1"])])

# GMS_SHARED_FLAG(FLAG, IF-TAKEN, IF-NOT): can a shared library be linked with
# it? The body calls libc, so that -z defs fails where the compiler leaves the
# libraries that every object needs (a sanitizer's) to the program.
AC_DEFUN([GMS_SHARED_FLAG],
[AS_VAR_PUSHDEF([var], [gms_cv_shared_flag_$1])dnl
AC_CACHE_CHECK([whether $CC -shared takes $1], [var],
	[gms_save_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS -Werror -shared -fPIC $1"
	AC_LINK_IFELSE([AC_LANG_SOURCE([[
#include <string.h>
size_t gms_probe(const char *text);
size_t gms_probe(const char *text)
{
	return strlen(text);
}]])], [AS_VAR_SET([var], [yes])], [AS_VAR_SET([var], [no])])
	CFLAGS=$gms_save_CFLAGS])
AS_VAR_IF([var], [yes], [$2], [$3])
AS_VAR_POPDEF([var])])
