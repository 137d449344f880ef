/* A service whose threshold follows its policy while it runs: documents are files in a directory, and whoever changes
 * one changes what the service does next, without a restart.
 *
 *     cc follow_policies.c $(pkg-config --cflags --libs vedette) -pthread
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <vedette/policy.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int changes; /* under lock */

static void on_changed(void *data)
{
    (void)data;
    pthread_mutex_lock(&lock);
    changes++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

/* False: nothing changed within ten seconds. */
static int wait_for_change(int before)
{
    struct timespec until;
    int status = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    pthread_mutex_lock(&lock);
    while (changes == before && status != ETIMEDOUT)
        status = pthread_cond_timedwait(&changed, &lock, &until);
    pthread_mutex_unlock(&lock);
    return status != ETIMEDOUT;
}

/* Beside and renamed, so that no reader finds half a document. */
static int write_document(const char *path, const char *text)
{
    char beside[256];
    snprintf(beside, sizeof beside, "%s.new", path);
    FILE *file = fopen(beside, "w");
    if (!file)
        return 0;
    int is_written = fputs(text, file) >= 0;
    is_written = fclose(file) == 0 && is_written;
    return is_written && rename(beside, path) == 0;
}

static void tell_fault(void *data, const char *path, const char *text)
{
    (void)data;
    fprintf(stderr, "follow_policies: %s: %s\n", path, text);
}

static void tell(struct vedette_policy_manager *manager)
{
    const struct vedette_policy_scope till = {.org_id = "org_123", .camera_id = "cam_1"};
    struct vedette_record *policy =
        vedette_policy_manager_get_policy(manager, "antitheft", &till, NULL, tell_fault, NULL);
    double delta = 0;
    if (policy && vedette_record_get_number(policy, "shelf_out_delta", &delta))
        printf("shelf_out_delta is %g now\n", delta);
    vedette_record_free(policy);
}

static int follow(const char *directory, const char *document)
{
    struct vedette_policy_manager_config config;
    const char *why = NULL;
    vedette_policy_manager_config_init(&config);
    config.directory = directory;
    config.changed = on_changed;
    struct vedette_policy_manager *manager = vedette_policy_manager_new("antitheft", &config, &why);
    if (!manager) {
        fprintf(stderr, "follow_policies: %s\n", why);
        return 1;
    }
    tell(manager);
    int is_told = vedette_policy_manager_start_hot_reload(manager) &&
                  write_document(document, "{\"shelf_out_delta\": 3.5}") &&
                  (vedette_policy_manager_notify(manager), wait_for_change(0)); /* or within poll_seconds */
    vedette_policy_manager_stop_hot_reload(manager);
    tell(manager);
    vedette_policy_manager_free(manager);
    return is_told ? 0 : 1;
}

int main(void)
{
    char directory[] = "/tmp/vedette-policies-XXXXXX", orgs[64], org[80], document[128];
    if (!mkdtemp(directory))
        return 1;
    snprintf(orgs, sizeof orgs, "%s/orgs", directory);
    snprintf(org, sizeof org, "%s/org_123", orgs);
    snprintf(document, sizeof document, "%s/antitheft.json", org);
    int status = 1;
    if (mkdir(orgs, 0700) == 0 && mkdir(org, 0700) == 0 && write_document(document, "{\"shelf_out_delta\": 2.0}"))
        status = follow(directory, document);
    unlink(document);
    rmdir(org);
    rmdir(orgs);
    rmdir(directory);
    return status;
}
