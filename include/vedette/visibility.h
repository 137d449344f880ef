/* What libvedette shows, to C and to C++. */
#pragma once

#define VEDETTE_PUBLIC __attribute__((visibility("default")))

#ifdef __cplusplus
#define VEDETTE_BEGIN extern "C" {
#define VEDETTE_END }
#else
#define VEDETTE_BEGIN
#define VEDETTE_END
#endif
