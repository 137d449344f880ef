/* What keeps tenants apart in PostgreSQL. */
#include "store/store_internal.h"
const char store_postgres_functions[] = "";
void store_append_postgres_rules(const struct store_table *table, GString *out)
{
    (void)table;
    (void)out;
}
