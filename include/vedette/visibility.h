/* What libvedette shows. */
#pragma once

#define VEDETTE_PUBLIC __attribute__((visibility("default")))
