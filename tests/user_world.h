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
