/* What comes twice is shown once, within a bound. */
#include "hub/seen.h"

#include <glib.h>

static void test_a_record_is_new_once(void)
{
    struct seen *seen = seen_new(8);
    g_assert_true(seen_add(seen, "shop", "door", "1"));
    g_assert_false(seen_add(seen, "shop", "door", "1"));
    g_assert_true(seen_add(seen, "shop", "door", "2"));
    seen_free(seen);
}

/* The same id of another camera or org is another record, and no two texts run into each other. */
static void test_r14_orgs_and_cameras_are_apart(void)
{
    struct seen *seen = seen_new(8);
    g_assert_true(seen_add(seen, "shop", "door", "1"));
    g_assert_true(seen_add(seen, "gate", "door", "1"));
    g_assert_true(seen_add(seen, "shop", "hall", "1"));
    g_assert_true(seen_add(seen, "shopdoor", "", "1"));
    g_assert_true(seen_add(seen, "", "shopdoor", "1"));
    g_assert_false(seen_add(seen, NULL, "shopdoor", "1")); /* no org is the empty one */
    seen_free(seen);
}

static void test_the_oldest_is_forgotten(void)
{
    enum { CAPACITY = 100 };
    struct seen *seen = seen_new(CAPACITY);
    for (int i = 0; i < CAPACITY + 1; i++) {
        g_autofree char *id = g_strdup_printf("%d", i);
        g_assert_true(seen_add(seen, "shop", "door", id));
    }
    for (int i = 1; i < CAPACITY + 1; i++) {
        g_autofree char *id = g_strdup_printf("%d", i);
        g_assert_false(seen_add(seen, "shop", "door", id));
    }
    g_assert_true(seen_add(seen, "shop", "door", "0"));
    g_assert_true(seen_add(seen, "shop", "door", "1")); /* it made room for 0 */
    g_assert_false(seen_add(seen, "shop", "door", "3"));
    seen_free(seen);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/seen/a_record_is_new_once", test_a_record_is_new_once);
    g_test_add_func("/seen/r14_orgs_and_cameras_are_apart", test_r14_orgs_and_cameras_are_apart);
    g_test_add_func("/seen/the_oldest_is_forgotten", test_the_oldest_is_forgotten);
    return g_test_run();
}
