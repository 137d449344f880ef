#include "onnx_model.h"

#include <string.h>

/* Field numbers are those of onnx.proto; the encoding is protocol buffers': key, then varint or counted bytes. */
enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };
enum { IR_VERSION = 8, OPSET = 13 };

static void put_varint(GByteArray *out, uint64_t value)
{
    do {
        uint8_t byte = (uint8_t)(value & 0x7f) | (value > 0x7f ? 0x80 : 0);
        g_byte_array_append(out, &byte, 1);
        value >>= 7;
    } while (value);
}

static void put_number(GByteArray *out, unsigned field, uint64_t value)
{
    put_varint(out, field << 3 | WIRE_VARINT);
    put_varint(out, value);
}

static void put_bytes(GByteArray *out, unsigned field, const void *bytes, size_t length)
{
    put_varint(out, field << 3 | WIRE_BYTES);
    put_varint(out, length);
    g_byte_array_append(out, bytes, (guint)length);
}

static void put_text(GByteArray *out, unsigned field, const char *text)
{
    put_bytes(out, field, text, strlen(text));
}

/* Takes `message`. */
static void put_message(GByteArray *out, unsigned field, GByteArray *message)
{
    put_bytes(out, field, message->data, message->len);
    g_byte_array_unref(message);
}

/* ValueInfoProto */
static GByteArray *value_info(const struct onnx_tensor *tensor)
{
    GByteArray *shape = g_byte_array_new(), *tensor_type = g_byte_array_new(), *type = g_byte_array_new(),
               *info = g_byte_array_new();
    for (size_t i = 0; i < tensor->rank; i++) {
        GByteArray *size = g_byte_array_new();
        if (tensor->sizes[i] < 1)
            put_text(size, 2, "any");
        else
            put_number(size, 1, (uint64_t)tensor->sizes[i]);
        put_message(shape, 1, size);
    }
    put_number(tensor_type, 1, (uint64_t)tensor->type);
    put_message(tensor_type, 2, shape);
    put_message(type, 1, tensor_type);
    put_text(info, 1, tensor->name);
    put_message(info, 2, type);
    return info;
}

/* NodeProto of an operator with this name. */
static GByteArray *node_of(const char *name, const char *from, const struct onnx_tensor *to)
{
    GByteArray *node = g_byte_array_new();
    put_text(node, 1, from);
    put_text(node, 2, to->name);
    put_text(node, 4, name);
    return node;
}

/* The output is a constant's copy, in the type that the output has. */
static GByteArray *cast(const char *from, const struct onnx_tensor *to)
{
    enum { ATTRIBUTE_INT = 2 };
    GByteArray *node = node_of("Cast", from, to), *attribute = g_byte_array_new();
    put_text(attribute, 1, "to");
    put_number(attribute, 3, (uint64_t)to->type);
    put_number(attribute, 20, ATTRIBUTE_INT);
    put_message(node, 5, attribute);
    return node;
}

/* TensorProto */
static GByteArray *constant(const struct onnx_model *model, const char *name)
{
    GByteArray *tensor = g_byte_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(model->value_sizes); i++)
        put_number(tensor, 1, (uint64_t)model->value_sizes[i]);
    put_number(tensor, 2, ONNX_FLOAT);
    put_text(tensor, 8, name);
    put_bytes(tensor, 9, model->values, model->value_count * sizeof *model->values);
    return tensor;
}

GByteArray *onnx_model_make(const struct onnx_model *model)
{
    GByteArray *out = g_byte_array_new(), *graph = g_byte_array_new(), *opset = g_byte_array_new();
    put_message(graph, 1,
                model->tells_non_zeros ? node_of("NonZero", model->input.name, &model->output)
                                       : cast("answer", &model->output));
    put_text(graph, 2, "test");
    if (!model->tells_non_zeros)
        put_message(graph, 5, constant(model, "answer"));
    put_message(graph, 11, value_info(&model->input));
    if (model->second_input.name)
        put_message(graph, 11, value_info(&model->second_input));
    put_message(graph, 12, value_info(&model->output));
    put_number(opset, 2, OPSET);
    put_number(out, 1, IR_VERSION);
    put_message(out, 7, graph);
    put_message(out, 8, opset);
    return out;
}
