/* Users as tests want them: written as they are, past all that guards changes by people. */
#pragma once

#include "store/work_internal.h"

static inline bool world_put_user(struct store *store, const struct user *user, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, user->org_id, error);
    const void *record = user;
    return transaction && store_ensure_org_in(transaction, user->org_id, error) &&
           store_insert(transaction, &user_descriptor, &record, 1, RECORD_CONFLICT_REPLACE, NULL, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}

/* The administrator's password, another name, org or role. */
static inline void world_add_user(struct store *store, const char *id, const char *org_id, const char *name,
                                  enum role role)
{
    g_autoptr(GError) error = NULL;
    struct user *user = store_user_find(store, "admin", &error);
    g_assert_no_error(error);
    g_free(user->id);
    g_free(user->org_id);
    g_free(user->username);
    user->id = g_strdup(id);
    user->org_id = g_strdup(org_id);
    user->username = g_strdup(name);
    user->role = role;
    world_put_user(store, user, &error);
    g_assert_no_error(error);
    user_free(user);
}
