// Runs a WebAssembly program with the given arguments: node --no-turbo-fast-api-calls wasi.mjs PROGRAM.wasm ARGUMENT...
// The option is for node 20, whose heap breaks when a program writes often (nodejs/node#53087).
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const wasi = new WASI({ version: "preview1", args: process.argv.slice(2), preopens: { ".": "." }, returnOnExit: true });
const module = await WebAssembly.compile(await readFile(process.argv[2]));
const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi.wasiImport });
process.exit(wasi.start(instance));
