/* CLI: one table of commands (cli.c), a file each (command_*.c). Help comes from the table. */
#pragma once

#include <stdbool.h>

struct cli_command {
    const char *name;    /* "run", "config check" */
    const char *usage;   /* "[rtsp://…] [--config FILE]" */
    const char *summary; /* one line */
    /* argv[0] is the command's last word. Returns the exit status: 0 done, 1 the input was wrong or the work failed, 2
     * usage. */
    int (*main)(int argc, char **argv);
    bool is_helped_by_row; /* --help is answered by this row: `main` does not know it */
};

extern const struct cli_command command_run, command_config_check, command_analyze, command_scene_render,
    command_camera_serve, command_track, command_detect, command_motion, command_worker, command_docs,
    command_contracts, command_doctor, command_profile, command_policy, command_audit_list, command_audit_verify,
    command_audit_erase, command_retention_status, command_retention_run, command_retention_confirm, command_model_list,
    command_model_check, command_model_bench, command_model_add, command_migrate_status, command_migrate_up,
    command_migrate_roles, command_jobs, command_org_list, command_org_delete, command_user_add, command_user_list,
    command_user_role, command_store_backup, command_store_restore, command_store_copy, command_spool_stats,
    command_spool_verify, command_spool_drain, command_spool_bench;
