/* The audit: a chain that shows what was done to it, and can forget a person. */
#include "store/audit_internal.h"
#include "upkeep_world.h"

static void note(struct store_world *world, const char *action)
{
    g_autoptr(GError) error = NULL;
    const struct audit_change change = {AUDIT_USER, "user-7", action, "{\"role\":\"viewer\"}", "{\"role\":\"admin\"}"};
    g_assert_true(store_audit_add(world->store, &by_admin, &change, &error));
    g_assert_no_error(error);
}

static char *verify(struct store_world *world)
{
    g_autoptr(GError) error = NULL;
    struct audit_report report;
    g_assert_true(store_audit_verify(world->store, "default", &report, &error));
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < report.problems->len; i++)
        g_string_append_printf(text, "%s%s", i ? "; " : "", (char *)g_ptr_array_index(report.problems, i));
    audit_report_clear(&report);
    return g_string_free(text, FALSE);
}

static void test_audit_tells_who_did_what(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    begin(&world, "UTC", world_start_ms);
    note(&world, "create");
    note(&world, "update");
    g_autoptr(GPtrArray) views = store_audit_list(world.store, "default", 0, 1, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(views->len, ==, 1);
    const struct audit_view *view = g_ptr_array_index(views, 0);
    g_assert_cmpint(view->sequence, ==, 2);
    g_assert_cmpstr(view->action, ==, "update");
    g_assert_cmpstr(view->actor_id, ==, "admin-id");
    g_assert_cmpstr(view->actor_name, ==, "admin");
    g_assert_cmpstr(view->address, ==, "10.0.0.9");
    g_assert_cmpstr(view->reason, ==, "because");
    g_assert_cmpstr(view->before.text, ==, "{\"role\":\"viewer\"}");
    g_assert_cmpstr(view->after.text, ==, "{\"role\":\"admin\"}");
    g_assert_cmpint(view->at.ms, ==, world_start_ms);
    g_autoptr(GPtrArray) others = store_audit_list(world.store, "other", 0, 10, &error);
    g_assert_cmpuint(others->len, ==, 0);
    /* what is sealed is not there to read */
    g_autofree char *all = ask(&world, "SELECT * FROM audit_entries");
    g_autofree char *sealed = ask(&world, "SELECT sealed FROM audit_values");
    g_assert_null(strstr(all, "10.0.0.9"));
    g_assert_null(strstr(sealed, "viewer"));
    world_clear(&world);
}

static guint count_found(struct store_world *world, const struct audit_filter *filter)
{
    g_autoptr(GError) error = NULL;
    struct audit_filter bounded = *filter;
    bounded.limit = 10;
    g_autoptr(GPtrArray) views = store_audit_find(world->store, "default", &bounded, &error);
    g_assert_no_error(error);
    return views->len;
}

static void test_audit_is_searched(void)
{
    struct store_world world;
    begin(&world, "UTC", world_start_ms);
    note(&world, "create");
    clock_fake_step_wall_ms(world.clock, 1000);
    note(&world, "update");
    const struct audit_by other = {"default", "other-id", "other", NULL, NULL};
    const struct audit_change change = {AUDIT_CAMERA, "door", "update", NULL, NULL};
    g_assert_true(store_audit_add(world.store, &other, &change, NULL));
    static const struct {
        struct audit_filter filter;
        guint found;
    } searches[] = {
        {{.limit = 10}, 3},
        {{.actor_id = "admin-id"}, 2},
        {{.actor_id = "nobody"}, 0},
        {{.subject_kind = AUDIT_CAMERA}, 1},
        {{.subject_id = "user-7", .action = "update"}, 1},
        {{.action = "update"}, 2},
        {{.from_ms = world_start_ms + 1000}, 2},
        {{.to_ms = world_start_ms + 1000}, 1},
        {{.from_ms = world_start_ms, .to_ms = world_start_ms + 1, .actor_id = "admin-id", .before_sequence = 3}, 1},
        {{.action = "update", .before_sequence = 2}, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(searches); i++)
        g_assert_cmpuint(count_found(&world, &searches[i].filter), ==, searches[i].found);
    world_clear(&world);
}

static void test_audit_verify_finds_what_was_done_to_it(void)
{
    static const struct {
        const char *sql, *finds;
    } deeds[] = {
        {"", NULL},
        {"UPDATE audit_entries SET actor_id = 'someone' WHERE sequence = 3", "entry 3: was edited"},
        {"UPDATE audit_entries SET at = LATER WHERE sequence = 1", "entry 1: was edited"},
        {"DELETE FROM audit_entries WHERE sequence = 3", "entry 3: missing"},
        {"DELETE FROM audit_entries WHERE sequence IN (1, 2)", "entry 1: missing, and 2 in all"},
        {"DELETE FROM audit_entries WHERE sequence = 5", "entry 5: missing: the chain ended with entry 5"},
        {"UPDATE audit_entries SET sequence = 9 WHERE sequence = 2; UPDATE audit_entries SET sequence = 2 WHERE "
         "sequence = 3; UPDATE audit_entries SET sequence = 3 WHERE sequence = 9",
         "entry 2: does not follow"},
        {"UPDATE audit_values SET sealed = 'AAAA' WHERE sequence = 4 AND part = 1", "entry 4: what it says was edited"},
        {"DELETE FROM audit_values WHERE sequence = 4 AND part = 2", "entry 4: what it says was edited or removed"},
        {"UPDATE audit_values SET key_id = 'gone' WHERE sequence = 3 AND part = 1", "entry 3: what it says was edited"},
        {"UPDATE audit_values SET key_id = 'user:user-7' WHERE sequence = 3 AND part = 2",
         "entry 3: what it says was edited"},
        {"UPDATE audit_keys SET secret = NULL WHERE id = 'user:user-7'",
         "entry 1: what it says cannot be read: its key 'user:user-7' was edited"},
        {"UPDATE audit_keys SET secret = (SELECT secret FROM audit_keys WHERE id = 'user:admin-id')",
         "entry 5: what it says cannot be read: its key 'user:user-7'"},
        {"UPDATE audit_keys SET secret = NULL, destroyed_at = LATEST WHERE id = 'user:user-7'",
         "key 'user:user-7': was destroyed, and no entry tells"},
        {"UPDATE audit_keys SET secret = 'AAAA', destroyed_at = LATEST WHERE id = 'user:admin-id'",
         "key 'user:admin-id': was destroyed, and no entry tells"},
        {"DELETE FROM audit_keys WHERE id = 'user:admin-id'", "its key 'user:admin-id' was edited or removed"},
        {"UPDATE audit_heads SET sequence = 2, sha256 = (SELECT sha256 FROM audit_entries WHERE sequence = 2); UPDATE "
         "audit_entries SET actor_id = 'someone' WHERE sequence = 4",
         "entry 5: stands after the chain's end"},
        {"DELETE FROM audit_heads", "the record of the chain's end is missing"},
        {"DELETE FROM audit_entries WHERE sequence = 5; UPDATE audit_heads SET sequence = 4", "the chain's end is not"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(deeds); i++) {
        struct store_world world;
        begin(&world, "UTC", world_start_ms);
        if (!world.database)
            meddle(&world, "DROP TRIGGER audit_entries_stay; DROP TRIGGER audit_entries_remain; DROP TRIGGER "
                           "audit_values_stay; DROP TRIGGER audit_values_remain");
        for (int j = 0; j < 5; j++)
            note(&world, "update");
        g_autoptr(GString) sql = g_string_new(deeds[i].sql);
        g_string_replace(sql, "LATEST", "(SELECT max(at) FROM audit_entries)", 0);
        g_string_replace(sql, "LATER", world.database ? "at + interval '1 ms'" : "at + 1", 0);
        meddle(&world, sql->str);
        g_autofree char *found = verify(&world);
        if (deeds[i].finds ? !strstr(found, deeds[i].finds) : *found)
            g_error("%s: found '%s', not '%s'", deeds[i].sql, found, deeds[i].finds);
        world_clear(&world);
    }
}

/* The form of the digest that earlier versions wrote: of what is sealed alone. */
static void test_audit_of_earlier_versions_verifies(void)
{
    static const char sealed_sql[] = "SELECT sealed FROM audit_values WHERE part = 1",
                      origin_sql[] = "SELECT sealed FROM audit_values WHERE part = 2";
    struct store_world world;
    begin(&world, "UTC", world_start_ms);
    if (!world.database)
        meddle(&world, "DROP TRIGGER audit_entries_stay; DROP TRIGGER audit_values_stay");
    note(&world, "create");
    g_autofree char *values = ask(&world, sealed_sql), *origin = ask(&world, origin_sql);
    const struct audit_sealed parts[] = {{NULL, values}, {NULL, origin}};
    g_autofree char *digest = audit_values_digest(parts, AUDIT_FORM_SEALED);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(world.store, STORE_READ, "default", NULL);
    struct audit_entry *entry =
        store_find(transaction, &audit_entry_descriptor, "WHERE org_id = $1", STORE_VALUES(sql_text("default")), NULL);
    store_rollback(g_steal_pointer(&transaction));
    g_free(entry->values_sha256);
    entry->values_sha256 = g_strdup(digest);
    g_autofree char *whole = audit_entry_digest(entry);
    g_autofree char *back = g_strdup_printf("UPDATE audit_entries SET values_sha256 = '%s', sha256 = '%s'; UPDATE "
                                            "audit_heads SET sha256 = '%s'",
                                            digest, whole, whole);
    record_clear(&audit_entry_descriptor, entry);
    g_free(entry);
    meddle(&world, back);
    g_autofree char *found = verify(&world);
    g_assert_cmpstr(found, ==, "");
    meddle(&world, "UPDATE audit_values SET key_id = 'gone' WHERE part = 1");
    g_autofree char *edited = verify(&world);
    g_assert_nonnull(strstr(edited, "entry 1: what it says cannot be read: its key 'gone'"));
    world_clear(&world);
}

static void test_audit_is_only_added_to(void)
{
    struct store_world world;
    begin(&world, "UTC", world_start_ms);
    note(&world, "create");
    static const char *const changes[] = {"UPDATE audit_entries SET action = 'x' WHERE org_id = 'default'",
                                          "DELETE FROM audit_entries WHERE org_id = 'default'",
                                          "DELETE FROM audit_values WHERE org_id = 'default'"};
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        int64_t changed = 0;
        CLEANUP(store_transaction)
        struct store_transaction *transaction = store_begin(world.store, STORE_WRITE, "default", NULL);
        g_assert_false(store_run(transaction, changes[i], STORE_NO_VALUES, &changed, NULL));
    }
    g_autofree char *found = verify(&world);
    g_assert_cmpstr(found, ==, "");
    world_clear(&world);
}

static void test_audit_erases_a_subject_and_the_chain_holds(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    begin(&world, "UTC", world_start_ms);
    note(&world, "create");
    g_assert_true(store_audit_erase(world.store, &by_admin, AUDIT_USER, "user-7", &error));
    note(&world, "delete");
    g_autoptr(GPtrArray) views = store_audit_list(world.store, "default", 0, 10, &error);
    g_assert_cmpuint(views->len, ==, 3);
    for (guint i = 0; i < views->len; i++) {
        const struct audit_view *view = g_ptr_array_index(views, i);
        bool is_of_it = view->subject_kind == AUDIT_USER;
        g_assert_cmpint(view->is_erased, ==, is_of_it);
        g_assert_cmpstr(view->actor_name, ==, "admin"); /* under the actor's own key */
        if (is_of_it) {
            g_assert_null(view->before.text);
            continue;
        }
        /* who did it, to what, and why */
        g_assert_cmpstr(view->action, ==, "erase-subject");
        g_assert_cmpstr(view->after.text, ==, "{\"subject\":\"user:user-7\"}");
        g_assert_cmpstr(view->reason, ==, "because");
    }
    g_autofree char *found = verify(&world);
    g_assert_cmpstr(found, ==, "");
    world_clear(&world);
}

/* Even where the key is gone under which the chain tells of erasures. */
static void test_audit_tells_a_forged_erasure_from_others(void)
{
    static const struct {
        const char *id;
        enum audit_subject kind;
        const char *found; /* once the admin's key is destroyed beside those until here */
    } erased[] = {
        {"user-7", AUDIT_USER, "key 'user:admin-id': was destroyed, and no entry tells that somebody erased it"},
        {"default", AUDIT_ORG, "3 keys were destroyed, and no more than 2 entries tell that somebody erased one"},
        {"user-8", AUDIT_USER, "4 keys were destroyed, and no more than 3 entries tell that somebody erased one"},
    };
    static const char forge[] = "UPDATE audit_keys SET secret = NULL, destroyed_at = (SELECT max(at) FROM "
                                "audit_entries) WHERE id = 'user:admin-id'";
    for (size_t last = 0; last < G_N_ELEMENTS(erased); last++) {
        struct store_world world;
        g_autoptr(GError) error = NULL;
        begin(&world, "UTC", world_start_ms);
        note(&world, "create");
        const struct audit_change other = {AUDIT_USER, "user-8", "create", NULL, "{\"role\":\"admin\"}"};
        store_audit_add(world.store, &by_admin, &other, &error);
        g_assert_no_error(error);
        for (size_t i = 0; i <= last; i++) {
            store_audit_erase(world.store, &by_admin, erased[i].kind, erased[i].id, &error);
            g_assert_no_error(error);
        }
        g_autofree char *whole = verify(&world);
        g_assert_cmpstr(whole, ==, "");
        meddle(&world, forge);
        g_autofree char *found = verify(&world);
        g_assert_cmpstr(found, ==, erased[last].found);
        world_clear(&world);
    }
}

static void test_audit_erases_only_what_may_go(void)
{
    struct store_world world;
    g_autoptr(GError) unknown = NULL, held = NULL, again = NULL, error = NULL;
    begin(&world, "UTC", world_start_ms);
    note(&world, "create");
    g_assert_false(store_audit_erase(world.store, &by_admin, AUDIT_USER, "user-8", &unknown));
    g_assert_error(unknown, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
    meddle(&world, "INSERT INTO legal_holds (org_id, id, reason) VALUES ('default', 'h', 'case 12')");
    g_assert_false(store_audit_erase(world.store, &by_admin, AUDIT_USER, "user-7", &held));
    g_assert_error(held, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    meddle(&world, "DELETE FROM legal_holds");
    g_assert_true(store_audit_erase(world.store, &by_admin, AUDIT_USER, "user-7", &error));
    g_assert_false(store_audit_erase(world.store, &by_admin, AUDIT_USER, "user-7", &again));
    g_assert_error(again, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM audit_entries"), ==, 2);
    world_clear(&world);
}

static void *note_many(void *world)
{
    for (int i = 0; i < 25; i++)
        note(world, "update");
    return NULL;
}

static void test_audit_of_many_at_once_is_one_chain(void)
{
    struct store_world world;
    begin(&world, "UTC", world_start_ms);
    GThread *threads[4];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("audit", note_many, &world);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    g_autofree char *found = verify(&world);
    g_assert_cmpstr(found, ==, "");
    g_assert_cmpint(ask_number(&world, "SELECT max(sequence) FROM audit_entries"), ==, 100);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/audit/is_searched", test_audit_is_searched);
    g_test_add_func("/audit/audit_tells_who_did_what", test_audit_tells_who_did_what);
    g_test_add_func("/audit/audit_verify_finds_what_was_done_to_it", test_audit_verify_finds_what_was_done_to_it);
    g_test_add_func("/audit/audit_of_earlier_versions_verifies", test_audit_of_earlier_versions_verifies);
    g_test_add_func("/audit/audit_is_only_added_to", test_audit_is_only_added_to);
    g_test_add_func("/audit/audit_erases_a_subject_and_the_chain_holds",
                    test_audit_erases_a_subject_and_the_chain_holds);
    g_test_add_func("/audit/audit_tells_a_forged_erasure_from_others", test_audit_tells_a_forged_erasure_from_others);
    g_test_add_func("/audit/erases_only_what_may_go", test_audit_erases_only_what_may_go);
    g_test_add_func("/audit/audit_of_many_at_once_is_one_chain", test_audit_of_many_at_once_is_one_chain);
    return g_test_run();
}
