/* Rows of the server's own that are named after an org: one list of them, for those who write them and for erasure. */
#include "store/work_internal.h"

static const char *const prefixes[] = {
    [STORE_ROLLUP_TURN] = "rollup_turn of ",
    [STORE_LATE_EVENTS] = "late_events ",
};
G_STATIC_ASSERT(G_N_ELEMENTS(prefixes) == STORE_ORG_VALUES);

char *store_org_value_name(enum store_org_value which, const char *org_id)
{
    return g_strconcat(prefixes[which], org_id, NULL);
}

bool store_org_values_forget_in(struct store_transaction *transaction, const char *org_id, bool *were_there,
                                GError **error)
{
    *were_there = false;
    for (enum store_org_value i = 0; i < STORE_ORG_VALUES; i++) {
        g_autofree char *name = store_org_value_name(i, org_id);
        int64_t changed = 0;
        if (!store_run(transaction, "DELETE FROM store_values WHERE name = $1", STORE_VALUES(sql_text(name)), &changed,
                       error))
            return false;
        *were_there |= changed > 0;
    }
    return true;
}

bool store_org_values_look_in(struct store_transaction *transaction, const char *org_id, bool *are_there,
                              GError **error)
{
    *are_there = false;
    for (enum store_org_value i = 0; i < STORE_ORG_VALUES; i++) {
        g_autofree char *name = store_org_value_name(i, org_id);
        int64_t count = 0;
        if (!store_get_integer(transaction, "SELECT count(*) FROM store_values WHERE name = $1",
                               STORE_VALUES(sql_text(name)), 0, &count, error))
            return false;
        *are_there |= count > 0;
    }
    return true;
}
