/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file gmemstate.h
 * @brief The whole core in one include.
 */
#ifndef GMEMSTATE_GMEMSTATE_H
#define GMEMSTATE_GMEMSTATE_H

#include <gmemstate/access.h>
#include <gmemstate/account.h>
#include <gmemstate/backend.h>
#include <gmemstate/check.h>
#include <gmemstate/convert.h>
#include <gmemstate/cost.h>
#include <gmemstate/folio.h>
#include <gmemstate/guest/cca.h>
#include <gmemstate/guest/collect.h>
#include <gmemstate/guest/kvm.h>
#include <gmemstate/guest/pkvm.h>
#include <gmemstate/guest/request.h>
#include <gmemstate/guest/snp.h>
#include <gmemstate/guest/tdx.h>
#include <gmemstate/lend.h>
#include <gmemstate/listen.h>
#include <gmemstate/model.h>
#include <gmemstate/pin.h>
#include <gmemstate/profile.h>
#include <gmemstate/snapshot.h>
#include <gmemstate/space.h>
#include <gmemstate/state.h>
#include <gmemstate/types.h>
#include <gmemstate/version.h>

#endif
