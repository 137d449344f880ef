/* The settings of circuit breakers, as the library takes them. */
#pragma once

#include "base/clock.h"
#include "facts/settings.h"
#include "vedette/breaker.h"

/* Fills in `config` for a breaker that goes by `clock`, which must outlive it; without callbacks. Any thread. */
void breaker_config_fill(const struct breaker_settings *settings, struct clock *clock,
                         struct vedette_breaker_config *config);
