#include "report.h"
void report_html(FILE *f, struct report *const *list, int n) { (void)f; (void)list; (void)n; }
