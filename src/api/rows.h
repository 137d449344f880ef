/* Resources that are rows of an org (store/rows.h), served alike by their routes: a list takes as filters whatever of
 * its parameters is named as a column; what is posted or put is the record itself, without what the server sets. */
#pragma once

#include "api/api_internal.h"
#include "store/rows.h"

/* Lists by `parameters`: fields that are the record's columns are filters; from, to, cursor and limit are the page. */
void answer_rows(struct request *request, const struct store_row_kind *kind, struct answer *answer);
/* The row that {id} names, with its ETag. To who is held to cameras, a row that none of them saw is not there, here and
 * in changes. */
void answer_row(struct request *request, const struct store_row_kind *kind, struct answer *answer);

/* One change of the row that {id} names, if it is what If-Match says, and the row as it is then. */
struct row_edit {
    const char *action; /* as the audit tells it */
    bool (*edit)(const struct request *request, void *data, void *record,
                 GError **error); /* as store_row_change has it */
    void *data;
};
void answer_row_edit(struct request *request, const struct store_row_kind *kind, const struct row_edit *edit,
                     struct answer *answer);

/* The request's record as a new row; in place of the row that {id} names; and that row removed. The request's record
 * has the kind's own struct; what the server sets is RECORD_READ_ONLY in the kind's descriptor and not in the
 * request's. */
void answer_row_create(struct request *request, const struct store_row_kind *kind, struct answer *answer);
void answer_row_put(struct request *request, const struct store_row_kind *kind, struct answer *answer);
void answer_row_delete(struct request *request, const struct store_row_kind *kind, struct answer *answer);
