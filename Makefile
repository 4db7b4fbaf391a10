# cnnc. `make` builds ./cnnc, `make test` runs the tests; `make help` lists the rest.

CC ?= gcc
CFLAGS ?= -O2 -g
WARN = -Wall -Wextra -Wpedantic
B = build

.DEFAULT_GOAL := all
all: cnnc

# ---- packages ------------------------------------------------------------------------------------------------------
# Missing ones are installed where that is possible, and named otherwise.
PACKAGES = flex bison protobuf-c-compiler libprotobuf-c-dev libsimde-dev libjansson-dev libpng-dev libjpeg-dev pkg-config
NEEDED := $(shell command -v flex bison protoc-c >/dev/null && \
	for h in protobuf-c/protobuf-c.h simde/x86/sse2.h jansson.h png.h jpeglib.h; do \
	[ -e /usr/include/$$h ] || ls /usr/include/*/$$h >/dev/null 2>&1 || echo missing; done || echo missing)

$(B)/packages:
	@mkdir -p $(B)
ifneq ($(strip $(NEEDED)),)
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(PACKAGES) >/dev/null; \
	elif command -v apt-get >/dev/null && command -v sudo >/dev/null && sudo -n true 2>/dev/null; then \
	  sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(PACKAGES) >/dev/null; \
	else echo "Please install these packages, then run make again: $(PACKAGES)"; exit 1; fi
endif
	@touch $@

# ---- the compiler --------------------------------------------------------------------------------------------------
SOURCES := $(wildcard compiler/*.c compiler/*/*.c)
OBJECTS := $(SOURCES:%.c=$(B)/%.o) $(B)/grammar/net.tab.o $(B)/grammar/net.lex.o $(B)/grammar/onnx.pb-c.o $(B)/runtime_text.o
INCLUDE = -I. -I$(B)/grammar
# Constant folding uses the runtime's kernels in plain C: the machine that compiles never changes a byte of the output.
COMPILER_FLAGS = -std=gnu11 $(WARN) $(CFLAGS) $(INCLUDE) -DCNNC_SIMD=0 -DCNNC_B=16 -ffp-contract=off -MMD -MP
LIBS = -lprotobuf-c -ljansson -lm

cnnc: $(B)/cnnc
	@cp $< $@.new && mv -f $@.new $@

$(B)/cnnc: $(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJECTS) $(LIBS)

# All of it but main, for test programs.
$(B)/libcnnc.a: $(filter-out $(B)/compiler/main.o,$(OBJECTS))
	@rm -f $@
	ar rc $@ $^

GENERATED = $(B)/grammar/net.tab.h $(B)/grammar/onnx.pb-c.h
$(B)/compiler/%.o: compiler/%.c Makefile | $(GENERATED)
	@mkdir -p $(@D)
	$(CC) $(COMPILER_FLAGS) -c -o $@ $<

$(B)/grammar/%.o: $(B)/grammar/%.c
	$(CC) $(COMPILER_FLAGS) -w -c -o $@ $<

$(B)/grammar/net.tab.c: grammar/net.y | $(B)/packages
	@mkdir -p $(@D)
	bison -Wall -d -o $@ $<
$(B)/grammar/net.tab.h: $(B)/grammar/net.tab.c
$(B)/grammar/net.lex.c: grammar/net.l $(B)/grammar/net.tab.h
	flex -o $@ $<
$(B)/grammar/onnx.pb-c.c: grammar/onnx.proto | $(B)/packages
	@mkdir -p $(@D)
	protoc-c --proto_path=grammar --c_out=$(@D) $<
$(B)/grammar/onnx.pb-c.h: $(B)/grammar/onnx.pb-c.c

# The text of the runtime, which the generated files carry, as C strings.
$(B)/runtime_text.c: $(wildcard runtime/*.h) Makefile
	@mkdir -p $(B)
	@{ echo '#include "compiler/emit/emit.h"'; \
	for h in $(sort $(wildcard runtime/*.h)); do n=$$(basename $$h .h); \
	  echo "static const char *const text_$$n[] = {"; \
	  sed -e 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n",/' $$h; echo "0};"; done; \
	echo "const struct runtime_text runtime_texts[] = {"; \
	for h in $(sort $(wildcard runtime/*.h)); do n=$$(basename $$h .h); echo "{\"$$n.h\", text_$$n},"; done; \
	echo "{0, 0}};"; } > $@
$(B)/runtime_text.o: $(B)/runtime_text.c
	$(CC) $(COMPILER_FLAGS) -c -o $@ $<

-include $(OBJECTS:.o=.d)

# ---- tests ---------------------------------------------------------------------------------------------------------
check: all
	@[ ! -x tests/check ] || tests/check

clean:
	rm -rf $(B) cnnc

.PHONY: all check clean
