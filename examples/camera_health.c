/* A service that watches a camera: a breaker before its connection, a monitor that says when it is gone and when it is
 * back, and one text for its health check. Time is the program's own, so that an hour passes at once.
 *
 *     cc camera_health.c $(pkg-config --cflags --libs vedette)
 */
#include <stdio.h>
#include <stdlib.h>

#include <vedette/resilience.h>

static int64_t now_us;

static int64_t tell_time(void *data)
{
    (void)data;
    return now_us;
}

static void on_signal(void *data, const struct vedette_camera_health *camera, enum vedette_camera_signal signal)
{
    (void)data;
    printf("%s: %s\n", camera->camera_id, vedette_camera_signal_name(signal));
}

/* Where a table of cameras would be updated. */
static void on_publish(void *data, const struct vedette_camera_health *camera, bool is_change)
{
    char *metadata = vedette_camera_health_json(camera);
    (void)data;
    if (is_change)
        printf("UPDATE cameras SET online = %s, metadata = '%s' WHERE id = '%s'\n", camera->online ? "true" : "false",
               metadata ? metadata : "{}", camera->camera_id);
    free(metadata);
}

/* Stands for a connection: none for the second of three minutes. */
static enum vedette_outcome look(void *data)
{
    int second = *(const int *)data;
    return second < 60 || second >= 120 ? VEDETTE_SUCCESS : VEDETTE_FAILURE;
}

int main(void)
{
    struct vedette_resilience_config config;
    const char *why = NULL;
    vedette_resilience_config_init(&config);
    config.breaker.recovery_timeout_us = config.breaker.recovery_timeout_max_us = 10 * 1000000;
    config.breaker.time.now_us = config.health.time.now_us = tell_time;
    config.health.signal = on_signal;
    config.health.publish = on_publish;
    struct vedette_resilience *resilience = vedette_resilience_new("camera_health", &config, &why);
    if (!resilience) {
        fprintf(stderr, "camera_health: %s\n", why);
        return 1;
    }
    for (int second = 0; second < 180; second++, now_us += 1000000) {
        struct vedette_camera_stats stats;
        struct vedette_breaker_stats breaker;
        enum vedette_outcome outcome = VEDETTE_FAILURE;
        vedette_camera_stats_init(&stats);
        stats.is_online =
            vedette_resilience_execute_with_circuit_breaker(resilience, "camera_1", look, &second, &outcome, NULL) &&
            outcome == VEDETTE_SUCCESS;
        stats.frames_processed = second * 15;
        vedette_breaker_get_stats(vedette_resilience_breaker(resilience, "camera_1"), &breaker);
        stats.circuit_breaker_state = breaker.state;
        vedette_resilience_update_camera_stats(resilience, "camera_1", &stats);
        vedette_health_tick(vedette_resilience_health(resilience)); /* or vedette_resilience_start_all, once */
    }
    char *json = vedette_resilience_stats_json(resilience);
    printf("{\"status\":\"healthy\",\"resilience_stats\":%s}\n", json ? json : "{}");
    free(json);
    vedette_resilience_free(resilience);
    return 0;
}
