/* Shared by the files of the room. */
#pragma once

#include <pthread.h>

#include "cameras/cameras.h"

struct cameras {
    struct cameras_config config;
    pthread_mutex_t lock; /* of one change, from reading what there is to telling of it */
    void (*changed)(void *data);
    void *changed_data;
    /* trials.c: its lock guards what follows it */
    pthread_mutex_t trials_lock;
    GQueue trials; /* of struct camera_trial * that are not over, oldest first; a reference each */
    void (*wake)(void *data);
    void *wake_data;
};
