/* Cameras of our own for tests: the player, with the main loop it needs on a thread of its own. */
#pragma once

#include "media/media_world.h"

/* Around all that follows, once per program. */
void stage_open(void);
void stage_close(void);
/* Runs on the main loop's thread, to which the player's calls belong, and waits for it. */
void on_loop(void (*run)(void *data), void *data);
struct media_player *play(const char *location, int port, const char *username, const char *password);
void stop_playing(struct media_player *player);
/* g_free it. */
char *address_of(struct media_player *player);
