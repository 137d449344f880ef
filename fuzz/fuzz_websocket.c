/* What a client of /ws sends: frames as libwslay takes them with the bounds of src/api/websocket.c, and the text in
 * them as a LiveSubscription. */
#include <string.h>
#include <wslay/wslay.h>

#include "facts/live_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX_BYTES = 16384 };

struct input {
    const uint8_t *data;
    size_t size;
};

static ssize_t receive(wslay_event_context_ptr context, uint8_t *buffer, size_t length, int flags, void *data)
{
    (void)flags;
    struct input *input = data;
    size_t count = length < input->size ? length : input->size;
    if (count == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(buffer, input->data, count);
    input->data += count;
    input->size -= count;
    return (ssize_t)count;
}

static ssize_t discard(wslay_event_context_ptr context, const uint8_t *buffer, size_t length, int flags, void *data)
{
    (void)context;
    (void)buffer;
    (void)flags;
    (void)data;
    return (ssize_t)length;
}

static void take(wslay_event_context_ptr context, const struct wslay_event_on_msg_recv_arg *message, void *data)
{
    (void)context;
    (void)data;
    struct live_subscription subscription;
    struct record_errors errors;
    if (message->msg_length > MESSAGE_MAX_BYTES)
        __builtin_trap();
    if (wslay_is_ctrl_frame(message->opcode))
        return;
    record_errors_init(&errors);
    if (record_decode_json_strict(&live_subscription_descriptor, (const char *)message->msg, message->msg_length,
                                  &subscription, &errors)) {
        for (size_t i = 0; i < subscription.types.count; i++)
            if (!record_enum_value(live_kind_names, subscription.types.items[i]))
                __builtin_trap();
        record_clear(&live_subscription_descriptor, &subscription);
    }
    record_errors_clear(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = receive, .send_callback = discard, .on_msg_recv_callback = take};
    struct input input = {data, size};
    wslay_event_context_ptr context;
    if (wslay_event_context_server_init(&context, &callbacks, &input) != 0)
        return 0;
    wslay_event_config_set_max_recv_msg_length(context, MESSAGE_MAX_BYTES);
    wslay_event_recv(context);
    wslay_event_send(context);
    wslay_event_context_free(context);
    return 0;
}
