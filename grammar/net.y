/* The grammar of the .net language: see README.md beside this file. Calls are generic; no operator name appears here.
 *
 * The tree and its strings live in an arena, so symbols that error recovery throws away need no destructor.
 * Errors resynchronise at the end of the statement, or at the '}' of its block. */
%code requires {
#include "compiler/front/ast.h"
}

%code {
#include "net.tab.h"

#include <string.h>

int net_yylex(YYSTYPE *value, YYLTYPE *location, void *scanner);
static void net_yyerror(YYLTYPE *where, struct net_parser *p, void *scanner, const char *message);

#define YYLLOC_DEFAULT(now, rhs, n)                                         \
    do {                                                                    \
        if (n) {                                                            \
            (now).source = YYRHSLOC(rhs, 1).source;                         \
            (now).first = YYRHSLOC(rhs, 1).first;                           \
            (now).last = YYRHSLOC(rhs, n).last;                             \
        } else {                                                            \
            (now).source = YYRHSLOC(rhs, 0).source;                         \
            (now).first = (now).last = YYRHSLOC(rhs, 0).last;               \
        }                                                                   \
    } while (0)

#define NEW(kind, at) ast_new(p, kind, at)
#define TREE(kind, at, a, b, c) ast_tree(p, kind, at, a, b, c)
#define OPERATOR(op, at, a, b) ast_operator(p, op, at, a, b)
#define NAMED(kind, at, name, a) ast_named(p, kind, at, name, a)
#define WITH(tree, list) ast_with(p, tree, list)
#define ONE(item) ast_append((struct ast_list){ 0 }, item)
}

%define api.pure full
%define api.prefix {net_yy}
%define api.location.type {struct span}
%define parse.error custom
%define parse.lac full
%define lr.default-reduction accepting
%locations
%lex-param { void *scanner }
%parse-param { struct net_parser *p } { void *scanner }

%union {
    struct ast *tree;
    struct ast_list list;
}

%token END "the end of the line"
%token NETWORK "network" INPUT "input" CONST "const" BLOCK "block" REPEAT "repeat" IN "in" IF "if" ELSE "else"
%token RETURN "return" OUTPUT "output" TRAIN "train" AND "and" OR "or" NOT "not"
%token PIPE "|>" DOTS ".." IDIV "//" POWER "**" EQ "==" NE "!=" LE "<=" GE ">="
%token <tree> NAME "a name" INTEGER "an integer" VALUE "a value"

%type <tree> statement body otherwise input sizes output value pipe stage operation primary argument parameter option setting
%type <list> items block_items names values some_values inputs outputs arguments some_arguments parameters some_parameters
%type <list> options some_options stages

%left OR
%left AND
%precedence NOT
%nonassoc EQ NE '<' '>' LE GE
%nonassoc DOTS
%left '+' '-'
%left '*' '/' IDIV '%'
%precedence MINUS
%right POWER

%%

net:        items                                   { p->result = WITH(NEW(AST_BODY, @$), $1); }
          ;

/* statements */

items:      %empty                                  { $$ = (struct ast_list){ 0 }; }
          | items END
          | items statement END                     { $$ = ast_append($1, $2); }
          | items error END                         { $$ = $1; yyerrok; }
          ;
block_items:
            items
          | items statement                         { $$ = ast_append($1, $2); }
          | items error                             { $$ = $1; yyerrok; }
          ;
body:       '{' block_items '}'                     { $$ = WITH(NEW(AST_BODY, @$), $2); }
          ;
statement:  NETWORK NAME                            { $$ = NAMED(AST_NETWORK, @$, $2, NULL); }
          | INPUT inputs                            { $$ = WITH(NEW(AST_BODY, @$), $2); }
          | CONST NAME '=' value                    { $$ = NAMED(AST_CONST, @$, $2, $4); }
          | BLOCK NAME '(' parameters ')' body      { $$ = WITH(NAMED(AST_BLOCK, @$, $2, $6), $4); }
          | BLOCK error body                        { $$ = NEW(AST_BODY, @$); yyerrok; }
          | BLOCK error                             { $$ = NEW(AST_BODY, @$); }
          | names '=' value                         { $$ = WITH(TREE(AST_ASSIGN, @$, $3, NULL, NULL), $1); }
          | value                                   { $$ = TREE(AST_EVAL, @$, $1, NULL, NULL); }
          | REPEAT value body                       { $$ = TREE(AST_REPEAT, @$, $2, $3, NULL); }
          | REPEAT names IN value body              { $$ = WITH(TREE(AST_REPEAT, @$, $4, $5, NULL), $2); }
          | REPEAT error body                       { $$ = NEW(AST_BODY, @$); yyerrok; }
          | REPEAT error                            { $$ = NEW(AST_BODY, @$); }
          | IF value body otherwise                 { $$ = TREE(AST_IF, @$, $2, $3, $4); }
          | IF error body otherwise                 { $$ = NEW(AST_BODY, @$); yyerrok; }
          | IF error                                { $$ = NEW(AST_BODY, @$); }
          | RETURN some_values                      { $$ = WITH(NEW(AST_RETURN, @$), $2); }
          | OUTPUT outputs                          { $$ = WITH(NEW(AST_OUTPUT, @$), $2); }
          | TRAIN body                              { $$ = TREE(AST_TRAIN, @$, NULL, $2, NULL); }
          ;
otherwise:  %empty                                  { $$ = NULL; }
          | ELSE body                               { $$ = $2; }
          | ELSE IF value body otherwise            { $$ = TREE(AST_IF, @$, $3, $4, $5); }
          ;
names:      NAME                                    { $$ = ONE($1); }
          | names ',' NAME                          { $$ = ast_append($1, $3); }
          ;

inputs:     input                                   { $$ = ONE($1); }
          | inputs ',' input                        { $$ = ast_append($1, $3); }
          ;
input:      NAME sizes options                      { $$ = WITH(NAMED(AST_INPUT, @$, $1, $2), $3); }
          ;
sizes:      '[' values ']'                          { $$ = WITH(NEW(AST_LIST, @$), $2); }
          ;
options:    %empty                                  { $$ = (struct ast_list){ 0 }; }
          | '(' some_options ')'                    { $$ = $2; }
          ;
some_options:
            option                                  { $$ = ONE($1); }
          | some_options ',' option                 { $$ = ast_append($1, $3); }
          ;
option:     NAME                                    { $$ = NAMED(AST_ARG, @$, $1, NULL); }
          | setting
          ;
setting:    NAME '=' value                          { $$ = NAMED(AST_ARG, @$, $1, $3); }
          ;

outputs:    output                                  { $$ = ONE($1); }
          | outputs ',' output                      { $$ = ast_append($1, $3); }
          ;
output:     value                                   { $$ = TREE(AST_ARG, @$, $1, NULL, NULL); }
          | setting
          ;

parameters: %empty                                  { $$ = (struct ast_list){ 0 }; }
          | some_parameters
          | some_parameters ','
          ;
some_parameters:
            parameter                               { $$ = ONE($1); }
          | some_parameters ',' parameter           { $$ = ast_append($1, $3); }
          ;
parameter:  NAME                                    { $$ = NAMED(AST_ARG, @$, $1, NULL); }
          | setting
          ;

/* expressions, from the loosest to the tightest */

value:      pipe
          | pipe IF pipe ELSE value                 { $$ = TREE(AST_CHOICE, @$, $1, $3, $5); }
          ;
pipe:       operation
          | operation stages                        { struct ast_list l = ONE($1);
                                                      for (struct ast *s = $2.first, *next; s != NULL; s = next) {
                                                          next = s->next;
                                                          l = ast_append(l, s);
                                                      }
                                                      $$ = WITH(NEW(AST_PIPE, @$), l); }
          ;
stages:     PIPE stage                              { $$ = ONE($2); }
          | stages PIPE stage                       { $$ = ast_append($1, $3); }
          ;
operation:  stage
          | '-' operation %prec MINUS               { $$ = OPERATOR(OP_NEG, @$, $2, NULL); }
          | NOT operation                           { $$ = OPERATOR(OP_NOT, @$, $2, NULL); }
          | operation '+' operation                 { $$ = OPERATOR(OP_ADD, @$, $1, $3); }
          | operation '-' operation                 { $$ = OPERATOR(OP_SUB, @$, $1, $3); }
          | operation '*' operation                 { $$ = OPERATOR(OP_MUL, @$, $1, $3); }
          | operation '/' operation                 { $$ = OPERATOR(OP_DIV, @$, $1, $3); }
          | operation IDIV operation                { $$ = OPERATOR(OP_IDIV, @$, $1, $3); }
          | operation '%' operation                 { $$ = OPERATOR(OP_MOD, @$, $1, $3); }
          | operation POWER operation               { $$ = OPERATOR(OP_POW, @$, $1, $3); }
          | operation EQ operation                  { $$ = OPERATOR(OP_EQ, @$, $1, $3); }
          | operation NE operation                  { $$ = OPERATOR(OP_NE, @$, $1, $3); }
          | operation '<' operation                 { $$ = OPERATOR(OP_LT, @$, $1, $3); }
          | operation '>' operation                 { $$ = OPERATOR(OP_GT, @$, $1, $3); }
          | operation LE operation                  { $$ = OPERATOR(OP_LE, @$, $1, $3); }
          | operation GE operation                  { $$ = OPERATOR(OP_GE, @$, $1, $3); }
          | operation AND operation                 { $$ = OPERATOR(OP_AND, @$, $1, $3); }
          | operation OR operation                  { $$ = OPERATOR(OP_OR, @$, $1, $3); }
          | operation DOTS operation                { $$ = TREE(AST_RANGE, @$, $1, $3, NULL); }
          ;
stage:      primary
          | primary ':' primary                     { $$ = TREE(AST_LABEL, @$, $1, $3, NULL); }
          ;
primary:    NAME
          | NAME '(' arguments ')'                  { $$ = WITH(NAMED(AST_CALL, @$, $1, NULL), $3); }
          | INTEGER
          | VALUE
          | '(' value ')'                           { $$ = $2; $$->span = @$; }
          | '[' values ']'                          { $$ = WITH(NEW(AST_LIST, @$), $2); }
          | primary '[' value ']'                   { $$ = TREE(AST_INDEX, @$, $1, $3, NULL); }
          | primary '.' NAME                        { $$ = NAMED(AST_MEMBER, @$, $3, $1); }
          | primary '.' INTEGER                     { $$ = TREE(AST_INDEX, @$, $1, $3, NULL); }
          ;
arguments:  %empty                                  { $$ = (struct ast_list){ 0 }; }
          | some_arguments
          | some_arguments ','
          ;
some_arguments:
            argument                                { $$ = ONE($1); }
          | some_arguments ',' argument             { $$ = ast_append($1, $3); }
          ;
argument:   value                                   { $$ = TREE(AST_ARG, @$, $1, NULL, NULL); }
          | setting
          ;
values:     %empty                                  { $$ = (struct ast_list){ 0 }; }
          | some_values
          | some_values ','
          ;
some_values:
            value                                   { $$ = ONE($1); }
          | some_values ',' value                   { $$ = ast_append($1, $3); }
          ;

%%

/* Stack overflow of the parser; all else comes through yyreport_syntax_error. */
static void net_yyerror(YYLTYPE *where, struct net_parser *p, void *scanner, const char *message)
{
    (void)scanner;
    diag_error(p->diag, *where, "%s", strstr(message, "memory") != NULL ? "this is nested too deeply" : message);
}

enum { EXPECTED_MAX = YYNTOKENS };

static bool has(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* What to tell of all that the parser would take: a statement, a value, or punctuation. After an operand any operator could
 * follow; that is true and helps nobody. */
static int worth_saying(yysymbol_kind_t found, const char **names, int n)
{
    static const char *const say[] = { "','", "')'", "']'", "'}'", "'{'", "'='", "in", "a name", "the end of the line", "'['", "'('" };
    if (has(names, n, "network") && found != YYSYMBOL_YYEOF) {
        names[0] = "a statement";
        return 1;
    }
    bool value = has(names, n, "an integer") && has(names, n, "not"), operand = has(names, n, "'.'") || has(names, n, "'*'");
    int kept = 0;
    if (found == YYSYMBOL_YYEOF && has(names, n, "'}'")) {
        names[0] = "'}'";
        return 1;
    }
    for (int i = 0; i < n; i++)
        if (has(say, sizeof say / sizeof *say, names[i]) && !(value && strcmp(names[i], "a name") == 0) &&
            !((value || operand) && (strcmp(names[i], "'['") == 0 || strcmp(names[i], "'('") == 0)) &&
            !(strcmp(names[i], "'}'") == 0 && operand))
            names[kept++] = names[i];
    if (value) {
        memmove(names + 1, names, (size_t)kept++ * sizeof *names);
        names[0] = "a value";
    }
    return kept;
}

static int yyreport_syntax_error(const yypcontext_t *context, struct net_parser *p, void *scanner)
{
    (void)scanner;
    const struct span *at = yypcontext_location(context);
    yysymbol_kind_t kinds[EXPECTED_MAX], found = yypcontext_token(context);
    int n = yypcontext_expected_tokens(context, kinds, EXPECTED_MAX);
    if (n < 0)
        return n;
    const char *names[EXPECTED_MAX + 1];
    for (int i = 0; i < n; i++)
        names[i] = yysymbol_name(kinds[i]);
    n = worth_saying(found, names, n);

    char what[80], wanted[160] = "";
    size_t length = at->last - at->first, used = 0;
    if (found == YYSYMBOL_YYEOF)
        snprintf(what, sizeof what, "the end of the file");
    else if (found == YYSYMBOL_END)
        snprintf(what, sizeof what, length > 0 ? "';'" : "the end of the line");
    else
        snprintf(what, sizeof what, "'%.*s%s'", (int)(length > 40 ? 40 : length), p->source->text + at->first, length > 40 ? "..." : "");
    for (int i = 0; i < n && used < sizeof wanted; i++) {
        bool word = strcmp(names[i], "in") == 0;
        used += (size_t)snprintf(wanted + used, sizeof wanted - used, "%s%s%s%s", i == 0 ? "" : i == n - 1 ? " or " : ", ",
                                 word ? "'" : "", names[i], word ? "'" : "");
    }
    if (p->garbled)
        ;
    else if (n > 0 && n <= 5)
        diag_error(p->diag, *at, "expected %s before %s", wanted, what);
    else
        diag_error(p->diag, *at, "unexpected %s", what);

    struct net_bracket b = p->forgotten;
    if (found == YYSYMBOL_YYEOF && p->open > 0)
        b = p->bracket[p->open - 1];
    if (b.c != '\0' && !p->garbled)
        diag_note(p->diag, (struct span){ p->source, b.at, b.at + 1 }, "this '%c' is not closed", b.c);
    if (!p->garbled && found >= YYSYMBOL_NETWORK && found <= YYSYMBOL_NOT && has(names, n, "a name"))
        diag_note(p->diag, *at, "%s is a word of the language", what);

    /* What is thrown away now may hold the closing brackets. */
    p->forgotten.c = '\0';
    while (p->open > 0 && p->bracket[p->open - 1].c != '{')
        p->open--;
    return 0;
}
