"""Writes small ONNX models whose behaviour a test chooses. Field numbers are those of onnx.proto; the encoding is protocol
buffers': key, then varint or counted bytes.

Each takes one picture and finds the same object in every one. `trouble` says what it does with a picture whose mean is above
`limit` (0..255): a picture's brightness is how a test makes the model fail and recover.
"""
import hashlib
import json
import struct

FLOAT, UINT8, INT64, BOOL = 1, 2, 7, 9
SIDE_PX, CELLS, COLUMNS = 32, 4 * 4 + 2 * 2 + 1, 6
IR_VERSION, OPSET = 8, 13


def varint(value):
    out = b""
    while True:
        out += bytes([value & 0x7F | (0x80 if value > 0x7F else 0)])
        value >>= 7
        if not value:
            return out


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name, kind, sizes, values):
    raw = struct.pack(f"<{len(values)}{'f' if kind == FLOAT else 'q'}", *values)
    return b"".join(field(1, size) for size in sizes) + field(2, kind) + field(8, name) + field(9, raw)


def node(operator, inputs, outputs, **attributes):
    text = b"".join(field(1, name) for name in inputs) + b"".join(field(2, name) for name in outputs) + field(4, operator)
    for name, value in attributes.items():
        kind, number = (2, 3) if isinstance(value, int) else (5, 6)
        text += field(5, field(1, name) + field(number, value) + field(20, kind))
    return text


def value(name, kind, sizes):
    shape = b"".join(field(1, field(1, size)) for size in sizes)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def graph(nodes, constants, inputs, outputs):
    return (b"".join(field(1, each) for each in nodes) + field(2, "test") + b"".join(field(5, each) for each in constants)
            + b"".join(field(11, each) for each in inputs) + b"".join(field(12, each) for each in outputs))


def answer():
    """One object in the middle cell of the finest grid, half as large as the picture; the other rows are empty."""
    row = [0.0, 0.0, 0.693, 0.693, 0.9, 0.9]
    empty = [0.0] * COLUMNS
    return [number for cell in range(CELLS) for number in (row if cell == 9 else empty)]


# The trouble grows with the brightness: an index far out of range, or rounds without end.
PER_LEVEL = 1e9


def excess(limit):
    """How far the picture's mean is above the limit, as a whole number `many`; 0 below it."""
    nodes = [node("ReduceMean", ["input"], ["mean"], keepdims=0), node("Sub", ["mean", "limit"], ["over"]),
             node("Relu", ["over"], ["positive"]), node("Mul", ["positive", "per_level"], ["scaled"]),
             node("Cast", ["scaled"], ["many"], to=INT64)]
    return nodes, [tensor("limit", FLOAT, [], [limit]), tensor("per_level", FLOAT, [], [PER_LEVEL])]


def failing(limit):
    nodes, constants = excess(limit)
    nodes += [node("Reshape", ["many", "one_long"], ["index"]), node("Gather", ["answers", "index"], ["output"], axis=0)]
    return nodes, constants + [tensor("one_long", INT64, [1], [1]), tensor("answers", FLOAT, [1, CELLS, COLUMNS], answer())]


def hanging(limit):
    nodes, constants = excess(limit)
    body = graph([node("Identity", ["go_on"], ["still"]), node("Add", ["before", "step"], ["after"])],
                 [tensor("step", FLOAT, [], [1.0])],
                 [value("round", INT64, []), value("go_on", BOOL, []), value("before", FLOAT, [])],
                 [value("still", BOOL, []), value("after", FLOAT, [])])
    nodes += [node("Loop", ["many", "", "zero"], ["sum"], body=body), node("Mul", ["sum", "zero"], ["nothing"]),
              node("Add", ["answers", "nothing"], ["output"])]
    return nodes, constants + [tensor("zero", FLOAT, [], [0.0]), tensor("answers", FLOAT, [1, CELLS, COLUMNS], answer())]


def sound(_limit):
    return ([node("Identity", ["answers"], ["output"])],
            [tensor("answers", FLOAT, [1, CELLS, COLUMNS], answer())])


def quantised(_limit):
    """The answer in steps of a hundredth, as 8-bit whole numbers."""
    values = bytes(round(number * 100) for number in answer())
    eight_bits = b"".join(field(1, size) for size in (1, CELLS, COLUMNS)) + field(2, UINT8) + field(8, "small") + field(9, values)
    return ([node("DequantizeLinear", ["small", "step"], ["output"])], [eight_bits, tensor("step", FLOAT, [], [0.01])])


def write(path, trouble=sound, limit=255.0, **card):
    """Writes PATH and its card; returns the SHA-256 of the model."""
    nodes, constants = trouble(limit)
    body = graph(nodes, constants, [value("input", FLOAT, [1, 3, SIDE_PX, SIDE_PX])], [value("output", FLOAT, [1, CELLS, COLUMNS])])
    model = field(1, IR_VERSION) + field(7, body) + field(8, field(2, OPSET))
    path.write_bytes(model)
    path.with_suffix(".card.json").write_text(json.dumps({
        "schema_version": 1, "name": "test", "family": "yolox", "input_width_px": SIDE_PX, "input_height_px": SIDE_PX,
        "fit": "stretch", "labels": ["thing"], **card}))
    return hashlib.sha256(model).hexdigest()
