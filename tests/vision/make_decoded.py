#!/usr/bin/env python3
"""Writes decoded.json: made outputs of models, laid out as published exports lay them out, and what the authors' own
code makes of them. Written after that code, not after src/vision/family_*.c, and by no part of it:

  yolov5        ultralytics/yolov5 utils/general.py, non_max_suppression before its NMS, xywh2xyxy
  yolov8        ultralytics/ultralytics utils/nms.py, likewise
  end_to_end    THU-MIG/yolov10: rows of xyxy, score, class, taken by their score alone
  nanodet       RangiLyu/nanodet v0.x gfl_head.py: get_single_level_center_point, Integral, distance2bbox
  nanodet_plus  RangiLyu/nanodet v1 nanodet_plus_head.py: get_single_level_center_priors, Integral, distance2bbox
  ssd           tensorflow/models object_detection: normalised ymin, xmin, ymax, xmax; classes from 1
  plate_ctc     Graves et al. 2006, section 3.2: best path decoding

Usage: tests/vision/make_decoded.py > tests/vision/decoded.json
"""
import itertools
import json
import math
import random

SIZE, CLASSES, CONFIDENCE, BINS = 32, 3, 0.3, 8
chance = random.Random(20260101)


def score():
    """None near the threshold, where single precision could decide otherwise."""
    return round(chance.choice([chance.uniform(0, 0.25), chance.uniform(0.35, 1)]), 3)


def xywh2xyxy(x, y, w, h):
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def row_of_box():
    return [round(chance.uniform(4, 28), 2), round(chance.uniform(4, 28), 2)] + [
        round(chance.uniform(2, 20), 2) for _ in range(2)
    ]


def argmax(values):
    return max(range(len(values)), key=lambda i: values[i])


def product_is_sure(objectness, scores):
    return abs(objectness * max(scores) - CONFIDENCE) > 0.01 and abs(objectness - CONFIDENCE) > 0.01


def cells(strides):
    return [(s, x, y) for s in strides for y in range(math.ceil(SIZE / s)) for x in range(math.ceil(SIZE / s))]


def yolov5():
    prediction = []
    while len(prediction) < 3 * len(cells([8, 16, 32])):
        row = row_of_box() + [score()] + [score() for _ in range(CLASSES)]
        if product_is_sure(row[4], row[5:]):
            prediction.append(row)
    found = []
    for row in [r for r in prediction if r[4] > CONFIDENCE]:
        products = [c * row[4] for c in row[5:]]
        if max(products) > CONFIDENCE:
            found.append(xywh2xyxy(*row[:4]) + [max(products), argmax(products)])
    return [prediction], found


def yolov8():
    prediction = [row_of_box() + [score() for _ in range(CLASSES)] for _ in cells([8, 16, 32])]
    found = [
        xywh2xyxy(*row[:4]) + [max(row[4:]), argmax(row[4:])] for row in prediction if max(row[4:]) > CONFIDENCE
    ]
    return [list(zip(*prediction))], found  # channels before cells


def end_to_end():
    rows = [xywh2xyxy(*row_of_box()) + [score(), chance.randrange(CLASSES)] for _ in range(20)]
    return [rows], [row for row in rows if row[4] > CONFIDENCE]


def integral(bins):
    """The mean of 0..reg_max by the softmax of the bins."""
    weights = [math.exp(b) for b in bins]
    return sum(i * w for i, w in enumerate(weights)) / sum(weights)


def distance2bbox(x, y, distances):
    sides = [x - distances[0], y - distances[1], x + distances[2], y + distances[3]]
    return [min(max(side, 0), SIZE) for side in sides]  # max_shape


def distribution():
    """Near sides are likelier, or most boxes would end at the picture's edge."""
    return [round(chance.uniform(0, 3) - bin, 2) for _ in range(4) for bin in range(BINS)]


def box_of(centre, bins, stride):
    return distance2bbox(*centre, [integral(bins[BINS * i : BINS * (i + 1)]) * stride for i in range(4)])


def nanodet():
    outputs, found = [], []
    for stride in [8, 16, 32]:
        level = [([score() for _ in range(CLASSES)], distribution()) for _ in cells([stride])]
        for (_, x, y), (scores, bins) in zip(cells([stride]), level):
            if max(scores) > CONFIDENCE:
                centre = ((x + 0.5) * stride, (y + 0.5) * stride)
                found.append(box_of(centre, bins, stride) + [max(scores), argmax(scores)])
        outputs += [[scores for scores, _ in level], [bins for _, bins in level]]
    return outputs, found


def nanodet_plus():
    rows, found = [], []
    for stride, x, y in cells([8, 16, 32, 64]):
        scores, bins = [score() for _ in range(CLASSES)], distribution()
        rows.append(scores + bins)
        if max(scores) > CONFIDENCE:
            found.append(box_of((x * stride, y * stride), bins, stride) + [max(scores), argmax(scores)])
    return [rows], found


def ssd():
    count, room = 12, 20
    boxes = [[side / SIZE for side in xywh2xyxy(*row_of_box())] for _ in range(room)]
    boxes = [[b[1], b[0], b[3], b[2]] for b in boxes]
    classes, scores = [chance.randrange(1, CLASSES + 1) for _ in boxes], [score() for _ in boxes]
    found = [
        [xmin * SIZE, ymin * SIZE, xmax * SIZE, ymax * SIZE, s, c - 1]
        for (ymin, xmin, ymax, xmax), c, s in list(zip(boxes, classes, scores))[:count]
        if s > CONFIDENCE
    ]
    return [boxes, classes, scores, count], found


def plate_ctc():
    letters, blank = ["person", "car", "_"], "_"
    places = [[round(chance.uniform(0, 0.3), 3) for _ in letters] for _ in range(24)]
    for place in places:
        place[chance.randrange(len(letters))] = round(chance.uniform(0.4, 1), 3)
    path = [letters[argmax(place)] for place in places]
    return [places], "".join(letter for letter, _ in itertools.groupby(path) if letter != blank)


def flat(value):
    if isinstance(value, (list, tuple)):
        return [number for item in value for number in flat(item)]
    return [round(value, 6)]


def fixture():
    for make in [yolov5, yolov8, end_to_end, nanodet, nanodet_plus, ssd, plate_ctc]:
        outputs, found = make()
        yield make.__name__, {
            "outputs": [flat(output) for output in outputs],
            "found": found if isinstance(found, str) else [flat(object) for object in found],
        }


print("{")
print(",\n".join(f'"{family}": {json.dumps(what, separators=(",", ":"))}' for family, what in fixture()))
print("}")
