/* The command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "front/onnx.h"
#include "pass.h"
#include "report/report.h"

struct command {
    struct options options;
    struct import_options import; /* options.import */
    enum report_form report;
    enum { BENCH_NONE, BENCH_TEXT, BENCH_JSON } bench;
    bool tunes;
    const char *times; /* --tune=FILE; NULL: the default */
    struct strbuf text; /* options.command */
};

/* Ends the program with status 1 and a message on bad options, with 0 after --help and the like. */
void command_line(struct command *c, int argc, char **argv);
void command_free(struct command *c);

#endif
