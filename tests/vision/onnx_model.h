/* Writes the smallest ONNX models the tests need: one that takes a tensor, ignores it and gives the same answer every
 * time. */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* TensorProto.DataType */
enum { ONNX_FLOAT = 1, ONNX_UINT8 = 2, ONNX_INT32 = 6, ONNX_INT64 = 7, ONNX_FLOAT16 = 10, ONNX_DOUBLE = 11 };

struct onnx_tensor {
    const char *name;
    int type;
    size_t rank;
    int64_t sizes[4]; /* under 1: any */
};

struct onnx_model {
    struct onnx_tensor input;
    struct onnx_tensor second_input; /* without a name: none */
    struct onnx_tensor output;
    const float *values; /* of the output */
    size_t value_count;
    int64_t value_sizes[3];
};

GByteArray *onnx_model_make(const struct onnx_model *model);
