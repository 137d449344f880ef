/* Writes the smallest ONNX models the tests need: one that takes a tensor, ignores it and gives the same answer every
 * time, and one whose answer is as long as its input makes it. */
#pragma once

#include <glib.h>
#include <stdbool.h>
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
    bool tells_non_zeros; /* the output is where the input is not zero (NonZero), of which nobody knows the size */
    const float *values;  /* else of the output */
    size_t value_count;
    int64_t value_sizes[3];
};

GByteArray *onnx_model_make(const struct onnx_model *model);
