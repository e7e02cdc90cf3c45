/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file gmemstate-linux.h
 * @brief The whole Linux library in one include.
 */
#ifndef GMEMSTATE_GMEMSTATE_LINUX_H
#define GMEMSTATE_GMEMSTATE_LINUX_H

#include <gmemstate/gmemstate.h>
#include <gmemstate/linux/backing.h>
#include <gmemstate/linux/calibrate.h>
#include <gmemstate/linux/kvm.h>
#include <gmemstate/linux/populate.h>
#include <gmemstate/linux/probe.h>
#include <gmemstate/linux/seccomp.h>
#include <gmemstate/linux/uffd.h>

#endif
