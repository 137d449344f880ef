/* The contract as files, for those who build on a server that they don't run. */
#include "cli/cli.h"

#include "api/api.h"
#include "facts/records.h"
#include "store/store.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

static const char package_json[] = "{\n"
                                   "  \"name\": \"vedette-client\",\n"
                                   "  \"version\": \"" VEDETTE_VERSION "\",\n"
                                   "  \"description\": \"Typed client of a Vedette server\",\n"
                                   "  \"license\": \"Apache-2.0\",\n"
                                   "  \"type\": \"module\",\n"
                                   "  \"main\": \"client.js\",\n"
                                   "  \"types\": \"client.d.ts\",\n"
                                   "  \"exports\": { \".\": \"./client.js\", \"./records\": \"./records.js\" },\n"
                                   "  \"scripts\": { \"build\": \"tsc\" },\n"
                                   "  \"devDependencies\": { \"typescript\": \"^5.8.2\" }\n"
                                   "}\n";
static const char tsconfig_json[] = "{\n"
                                    "  \"compilerOptions\": {\n"
                                    "    \"target\": \"ES2022\",\n"
                                    "    \"module\": \"ESNext\",\n"
                                    "    \"moduleResolution\": \"bundler\",\n"
                                    "    \"lib\": [\"ES2022\", \"DOM\", \"DOM.Iterable\"],\n"
                                    "    \"strict\": true,\n"
                                    "    \"declaration\": true,\n"
                                    "    \"types\": []\n"
                                    "  },\n"
                                    "  \"include\": [\"*.ts\"]\n"
                                    "}\n";

static bool write_file(const char *directory, const char *name, const char *text, GError **error)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    return g_file_set_contents(path, text, -1, error);
}

static bool write_made(const char *directory, const char *name, char *text, GError **error)
{
    g_autofree char *owned = text;
    return write_file(directory, name, owned, error);
}

static bool write_openapi(const char *directory, GError **error)
{
    return write_made(directory, "openapi.json", api_contract_openapi(), error);
}

static bool write_asyncapi(const char *directory, GError **error)
{
    return write_made(directory, "asyncapi.json", api_contract_asyncapi(), error);
}

static bool write_typescript(const char *directory, GError **error)
{
    return write_made(directory, "records.ts", api_contract_records(), error) &&
           write_made(directory, "client.ts", api_contract_typescript(), error) &&
           write_file(directory, "package.json", package_json, error) &&
           write_file(directory, "tsconfig.json", tsconfig_json, error);
}

/* One file a record, as NAME.schema.json, which refer to each other by name. */
static bool write_schemas(const char *directory, GError **error)
{
    static const struct record_schema_style style = {RECORD_SCHEMA_JSON, RECORD_SCHEMA_ANSWER, false, "",
                                                     ".schema.json"};
    for (size_t i = 0; i < facts_record_count(); i++) {
        const struct record_descriptor *descriptor = facts_record_at(i);
        g_autofree char *name = g_strconcat(descriptor->name, ".schema.json", NULL);
        GString *text = g_string_new(NULL);
        record_append_schema(descriptor, &style, text);
        g_autofree char *head = g_strdup_printf(
            "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id\":\"%s\",\"title\":\"%s\","
            "\"x-schema-version\":%d,",
            name, descriptor->name, descriptor->schema_version);
        g_string_erase(text, 0, 1);
        g_string_prepend(text, head);
        g_string_append_c(text, '\n');
        if (!write_made(directory, name, g_string_free(text, FALSE), error))
            return false;
    }
    return true;
}

static bool write_sql(const char *directory, GError **error)
{
    return write_made(directory, "sqlite.sql", store_schema_sql(RECORD_SQLITE), error) &&
           write_made(directory, "postgres.sql", store_schema_sql(RECORD_POSTGRES), error);
}

/* One row a kind of contract. */
static const struct {
    const char *name;
    bool (*write)(const char *directory, GError **error);
} contracts[] = {
    {"openapi", write_openapi},
    {"typescript", write_typescript},
    {"json-schema", write_schemas},
    {"asyncapi", write_asyncapi},
    {"sql", write_sql},
};

static int usage(void)
{
    fputs("vedette contracts: give one of", stderr);
    for (size_t i = 0; i < G_N_ELEMENTS(contracts); i++)
        fprintf(stderr, " %s", contracts[i].name);
    fputs(" and --out DIR\n", stderr);
    return 2;
}

static int write_contract(const char *kind, const char *directory)
{
    for (size_t i = 0; i < G_N_ELEMENTS(contracts); i++) {
        if (strcmp(kind, contracts[i].name) != 0)
            continue;
        g_autoptr(GError) error = NULL;
        if (g_mkdir_with_parents(directory, 0755) == 0 && contracts[i].write(directory, &error))
            return 0;
        fprintf(stderr, "vedette contracts: write into %s: %s\n", directory,
                error ? error->message : g_strerror(errno));
        return 1;
    }
    return usage();
}

/* In any order, as other commands take theirs. */
static int contracts_main(int argc, char **argv)
{
    g_autofree char *directory = NULL;
    const GOptionEntry entries[] = {
        {"out", 0, 0, G_OPTION_ARG_FILENAME, &directory, "the directory to write into", "DIR"},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("KIND");
    g_option_context_add_main_entries(context, entries, NULL);
    bool is_read = g_option_context_parse(context, &argc, &argv, NULL) && argc == 2 && directory;
    return is_read ? write_contract(argv[1], directory) : usage();
}

const struct cli_command command_contracts = {
    "contracts", "KIND --out DIR", "writes the API's contract: openapi, typescript, json-schema, asyncapi or sql",
    contracts_main, true};
