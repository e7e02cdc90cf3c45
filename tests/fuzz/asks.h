/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asks.h - requests as no protocol makes them: drawn, begun, and compared.
 */
#ifndef FUZZ_ASKS_H
#define FUZZ_ASKS_H

#include "guest/request.h"
#include "oracle_request.h"

/* @plain: what is asked for may be done at once, as far as the request goes. */
void ask_draw(struct fuzz_in *in, struct ask *ask, bool plain);
/* Take it in. Its flags and most_pages are to be the request's already. */
void ask_begin(struct gms_request *request, const struct ask *ask);
/* Fail unless that came of it. */
void ask_end(struct gms_request *request, const struct reply *reply);

#endif
