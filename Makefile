# cnnc. `make` builds ./cnnc, `make test` runs the tests; `make help` lists the rest.

CC ?= gcc
CFLAGS ?= -O2 -g
WARN = -Wall -Wextra -Wpedantic
B = build
PREFIX ?= /usr/local

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
all: cnnc

# ---- packages ------------------------------------------------------------------------------------------------------
# What is missing is installed where that is possible, and named otherwise.
PACKAGES = flex bison protobuf-c-compiler libprotobuf-c-dev libsimde-dev libjansson-dev libpng-dev libjpeg-dev pkg-config
NEEDED := $(shell command -v flex bison protoc-c >/dev/null && \
	for h in protobuf-c/protobuf-c.h simde/x86/sse2.h jansson.h png.h jpeglib.h; do \
	[ -e /usr/include/$$h ] || ls /usr/include/*/$$h >/dev/null 2>&1 || echo missing; done || echo missing)
# For the tests that need other compilers and machines; without them those tests are skipped. make test-packages installs them.
TEST_PACKAGES = clang lld g++ openmpi-bin libopenmpi-dev $(if $(shell command -v npm),,nodejs npm) qemu-user qemu-system-arm gcc-arm-none-eabi \
	libnewlib-arm-none-eabi wasi-libc libclang-rt-dev-wasm32 $(if $(filter x86_64,$(shell uname -m)),gcc-aarch64-linux-gnu \
	libc6-dev-arm64-cross gcc-arm-linux-gnueabihf libc6-dev-armhf-cross gcc-riscv64-linux-gnu libc6-dev-riscv64-cross)

APT = apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) >/dev/null
define install
@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then echo "installing $(1)"; $(APT); \
elif command -v apt-get >/dev/null && command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then \
  echo "installing $(1)"; sudo sh -c '$(APT)'; \
else echo "Please install these packages, then run make again: $(1)"; exit 1; fi
endef

$(B)/packages:
	@mkdir -p $(B)
	$(if $(strip $(NEEDED)),$(call install,$(PACKAGES)))
	@touch $@

# and ONNX Runtime, which the tests compare with, from npm into tests/node_modules
test-packages:
	-$(call install,$(TEST_PACKAGES))
	cd tests && npm ci --ignore-scripts --no-audit --no-fund

# ---- the compiler --------------------------------------------------------------------------------------------------
SOURCES := $(filter-out compiler/program/%,$(wildcard compiler/*.c compiler/*/*.c))
OBJECTS := $(SOURCES:%.c=$(B)/%.o) $(B)/grammar/net.tab.o $(B)/grammar/net.lex.o $(B)/grammar/onnx.pb-c.o $(B)/runtime_text.o
INCLUDE = -I. -I$(B)/grammar
# Constant folding uses the runtime's kernels in plain C: the machine that compiles never changes a byte of the output.
COMPILER_FLAGS = -std=gnu11 $(WARN) $(CFLAGS) $(INCLUDE) -DCNNC_SIMD=0 -DCNNC_B=16 -ffp-contract=off -MMD -MP
LIBS = -lprotobuf-c -ljansson -lm

cnnc: $(B)/cnnc
	@cp $< $@.new && mv -f $@.new $@

$(B)/cnnc: $(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJECTS) $(LIBS)

# All of it but main and the command line, for test programs.
$(B)/libcnnc.a: $(filter-out $(B)/compiler/main.o $(B)/compiler/options.o,$(OBJECTS))
	@rm -f $@
	ar rc $@ $^

GENERATED = $(B)/grammar/net.tab.h $(B)/grammar/onnx.pb-c.h
$(B)/compiler/%.o: compiler/%.c Makefile | $(GENERATED)
	@mkdir -p $(@D)
	$(CC) $(COMPILER_FLAGS) -c -o $@ $<

# Kernels whose geometry is known at run time only: optimised, they take minutes to compile, for a report that takes a second.
$(B)/compiler/report/errors.o: COMPILER_FLAGS += -O0
# Initial weights, which this vectorises.
$(B)/compiler/random.o: COMPILER_FLAGS += -O3

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

# The text of the runtime, which the generated files carry, and of programs around them, as C strings.
RUNTIME := $(sort $(wildcard runtime/*.h))
PROGRAMS := $(wildcard compiler/program/*.c)
$(B)/runtime_text.c: $(RUNTIME) $(PROGRAMS) Makefile
	@mkdir -p $(B)
	@symbol() { basename $$1 | tr . _; }; \
	table() { echo "const struct runtime_text $$1[] = {"; shift; for t; do echo "{\"$$(basename $$t)\", text_$$(symbol $$t)},"; done; echo "{0, 0}};"; }; \
	{ echo '#include "compiler/emit/emit.h"'; \
	for t in $(RUNTIME) $(PROGRAMS); do \
	  echo "static const char *const text_$$(symbol $$t)[] = {"; \
	  sed -e 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n",/' $$t; echo "0};"; done; \
	table runtime_texts $(RUNTIME); table program_texts $(PROGRAMS); } > $@
$(B)/runtime_text.o: $(B)/runtime_text.c | $(GENERATED)
	$(CC) $(COMPILER_FLAGS) -c -o $@ $<

-include $(OBJECTS:.o=.d)

include examples/Makefile.inc

# ---- tests ---------------------------------------------------------------------------------------------------------
# The compiler under the sanitizers: the tests compare its output with the other's.
SANITIZE = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined
asan:
	@$(MAKE) --no-print-directory B=$(B)/asan CFLAGS="$(SANITIZE)" $(B)/asan/cnnc

check: all
	@CC="$(CC)" tests/check

test: all asan
	@CC="$(CC)" tests/run $(GROUPS)

test-full: all asan
	-@$(MAKE) --no-print-directory test-packages
	@CC="$(CC)" FULL=1 tests/run $(GROUPS)

demo: all
	@CC="$(CC)" examples/demo

bench: all
	@CC="$(CC)" tests/bench/bench

bench-train: all
	@CC="$(CC)" python3 tests/bench/train.py

bench-shares: all
	@CC="$(CC)" python3 tests/bench/shares.py

# ---- installation --------------------------------------------------------------------------------------------------
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 cnnc $(DESTDIR)$(PREFIX)/bin/cnnc
	install -m 644 compiler/cnnc.1 $(DESTDIR)$(PREFIX)/share/man/man1/cnnc.1
	install -m 644 compiler/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/cnnc

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/cnnc $(DESTDIR)$(PREFIX)/share/man/man1/cnnc.1 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/cnnc

clean:
	rm -rf $(B) cnnc

help:
	@echo 'make                 the compiler, ./cnnc (CC, CFLAGS)'
	@echo 'make demo            a trained network classifies pictures; AlexNet compiled, built and timed'
	@echo 'make examples        the programs of examples/ for small networks; make build/examples/classify-alexnet: for any'
	@echo 'make build/examples/train-lenet5: a program that trains a network, see examples/train'
	@echo 'make test            the tests (GROUPS="net ops": some of them)'
	@echo 'make check           a few of them, in under a minute'
	@echo 'make test-full       all of them, those too that take long; installs compilers for other machines'
	@echo 'make test-packages   installs what the tests for other machines need, and ONNX Runtime'
	@echo 'make bench           cnnc against ONNX Runtime (needs node and npm)'
	@echo 'make bench-train     training steps against PyTorch (needs python3-torch)'
	@echo 'make bench-shares    layers beside what the machine can do: the peak of multiply-adds, the speed of copying (needs python3)'
	@echo 'make install         into PREFIX=$(PREFIX), under DESTDIR if that is set; make uninstall'
	@echo 'make clean'

.PHONY: all asan check test test-full test-packages demo bench bench-train bench-shares install uninstall clean help
