#include "vision/detector_internal.h"

#include "base/sort.h"

/* Most certain first; equals by place, so that the order never depends on how they are sorted. */
static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    if (left->score != right->score)
        return left->score < right->score ? 1 : -1;
    if (left->left != right->left)
        return left->left < right->left ? -1 : 1;
    if (left->top != right->top)
        return left->top < right->top ? -1 : 1;
    if (left->right != right->right)
        return left->right < right->right ? -1 : 1;
    if (left->bottom != right->bottom)
        return left->bottom < right->bottom ? -1 : 1;
    return left->label - right->label;
}

static bool overlaps(const struct candidate *a, const struct candidate *b, float iou)
{
    float width = MIN(a->right, b->right) - MAX(a->left, b->left);
    float height = MIN(a->bottom, b->bottom) - MAX(a->top, b->top);
    if (width <= 0 || height <= 0)
        return false;
    float shared = width * height;
    float both = (a->right - a->left) * (a->bottom - a->top) + (b->right - b->left) * (b->bottom - b->top) - shared;
    return shared > iou * both;
}

int nms_apply(struct candidate *candidates, int count, float iou, int64_t *shed)
{
    sort_heap(candidates, (size_t)count, sizeof *candidates, compare_candidates);
    *shed += MAX(count - NMS_MAX_CANDIDATES, 0);
    int kept = 0;
    for (int i = 0; i < MIN(count, NMS_MAX_CANDIDATES); i++) {
        bool is_kept = true;
        for (int k = 0; k < kept && is_kept; k++)
            is_kept = candidates[k].label != candidates[i].label || !overlaps(&candidates[k], &candidates[i], iou);
        if (is_kept)
            candidates[kept++] = candidates[i];
    }
    return kept;
}
