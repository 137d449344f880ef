#include "worker/observe.h"

void observe_track(const struct track *track, int64_t media_us, double confirm_seconds, struct observed_track *observed)
{
    double age_seconds = (double)(media_us - track->started_us) / 1e6;
    *observed = (struct observed_track){
        .id = track->id,
        .object_class = track->object_class,
        .x = observation_quantise(track->box.x, OBSERVATION_BOX_ONE),
        .y = observation_quantise(track->box.y, OBSERVATION_BOX_ONE),
        .w = observation_quantise(track->box.w, OBSERVATION_BOX_ONE),
        .h = observation_quantise(track->box.h, OBSERVATION_BOX_ONE),
        .confidence = (uint8_t)(CLAMP(track->confidence, 0, 1) * 255 + 0.5),
        .speed_x = observation_quantise(track->velocity_x, OBSERVATION_SPEED_ONE),
        .speed_y = observation_quantise(track->velocity_y, OBSERVATION_SPEED_ONE),
        .is_confirmed = track->state != TRACK_TENTATIVE && age_seconds >= confirm_seconds,
        .is_lost = track->state == TRACK_LOST,
    };
}
