/* The store's arrival: what the start of a hub has to ask of the store, or to tell it, is one list of steps, done in
 * its order. Where the store answers all of it is done before anything else begins. Where PostgreSQL cannot be reached,
 * or a store takes no writes, the rest is done by a thread of its own as soon as it can, tried again with backoff,
 * while cameras are watched under the last good policies and what they see waits in the spool. Main thread unless said
 * otherwise.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

struct hub;
struct arrival;

/* `hub` is borrowed, and outlives it. */
struct arrival *arrival_new(struct hub *hub);
/* Does what the store lets it, and leaves the rest to the thread. False: the store was asked, and the hub cannot start
 * like this; or there is no thread to be had. Once, when all that the steps work with is there. */
bool arrival_begin(struct arrival *arrival, GError **error);
/* Ends the thread, and waits for what it asks the store just now. NULL is allowed. */
void arrival_stop(struct arrival *arrival);
void arrival_free(struct arrival *arrival);
/* What is not done yet, and why, in words (g_free); NULL: nothing. Any thread. */
char *arrival_tell(void *arrival);
/* Nothing waits any more. NULL: nothing ever did. Any thread. */
bool arrival_is_over(struct arrival *arrival);
/* The first administrator's password, when one was generated in arrival_begin: the caller's to print once. g_free. */
char *arrival_take_password(struct arrival *arrival);
