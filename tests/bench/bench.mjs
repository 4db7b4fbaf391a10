// cnnc against ONNX Runtime: the same networks (ONNX files from cnnc --emit=onnx), inputs and thread counts, outputs compared. Each side is a
// process that times itself; they take turns, round by round, and the ratio is the median over the rounds' ratios.
//
//     node bench.mjs [--threads=1,2] [--rounds=9] [--seconds=0.3] [--batch=1] [--huge] [--weights-dtype=f32] [--out=build/bench] [NETWORK...]
//
// Writes OUT/results.json, OUT/results.md and OUT/results.svg. --huge: weights in huge pages instead of mapped. --weights-dtype: as cnnc's, for
// cnnc only; outputs may then differ by four times what the same rounding of weights costs ONNX Runtime.
import { spawn, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { round_weights } from "../reference/round.mjs";
import { chart } from "./chart.mjs";

const options = { threads: "1,2", rounds: "9", seconds: "0.3", batch: "1", "weights-dtype": "f32", out: "build/bench" };
const names = [];
for (const a of process.argv.slice(2)) {
    const m = a.match(/^--([a-z0-9-]+)(?:=(.*))?$/);
    if (m && (m[1] === "huge" ? m[2] === undefined : m[1] in options && m[2])) options[m[1]] = m[2] ?? true;
    else if (!m && existsSync(`examples/${a}.net`)) names.push(a);
    else {
        console.error(`bench: ${a}: expected ${m ? Object.keys(options).map((o) => `--${o}=...`).join(", ") + ", --huge" : "the name of a network in examples/"}`);
        process.exit(1);
    }
}
if (!names.length)
    names.push("lenet5", "alexnet_torchvision", "vgg16", "googlenet", "resnet18", "resnet50", "mobilenet_v2", "squeezenet1_1", "densenet121");
const cc = (process.env.CC ?? "gcc").split(" "), cflags = (process.env.CFLAGS ?? "-O2 -march=native").split(" ");
const dir = options.out, rounds = Number(options.rounds), batch = Number(options.batch);
mkdirSync(dir, { recursive: true });

const run = (program, args) => execFileSync(program, args, { maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] }).toString();
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const median = (list) => { const l = [...list].sort((a, b) => a - b); return l[l.length >> 1]; };

// A process that tells a line of JSON at the start and for every line it is given.
class Side {
    constructor(program, args) {
        this.child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
        this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    }
    async next() {
        const { value, done } = await this.lines.next();
        if (done) throw new Error("the process ended");
        return JSON.parse(value);
    }
    ask(seconds) { this.child.stdin.write(`${seconds}\n`); return this.next(); }
    async end() { // what comes next is timed: it does not begin before this process has gone
        if (this.child.exitCode !== null) return;
        const gone = new Promise((r) => this.child.once("exit", r));
        this.child.stdin.end();
        await gone;
    }
}

function build(name) {
    const net = `examples/${name}.net`, base = `${dir}/${name}`, wide = `--batch=${batch}`;
    run("./cnnc", [net, wide, `--weights-dtype=${options["weights-dtype"]}`, "-o", `${base}.c`]);
    run("./cnnc", [net, wide, "--emit=onnx", "-o", `${base}.onnx`]);
    run(cc[0], [...cc.slice(1), ...cflags, "-fopenmp", "-include", `${base}.h`, `-DNET=${name}`, "-o", `${base}.time`, `${base}.c`, "tests/bench/time.c", "-lm"]);
    const report = JSON.parse(run("./cnnc", [net, "--report=json"]));
    // what a call of ONNX Runtime costs by itself: a network with the same inputs that does nothing
    let empty = [];
    if (report.macs < 1e8) {
        const line = readFileSync(net, "utf8").match(/^input [^\n]*/m)[0];
        const input = line.replace(/\(.*/, "") + (/uint8/.test(line) ? "(uint8)" : "");
        writeFileSync(`${base}_empty.net`, `network empty\n${input}\noutput y = relu(${input.match(/input (\w+)/)[1]})\n`);
        run("./cnnc", [`${base}_empty.net`, wide, "--emit=onnx", "-o", `${base}_empty.onnx`]);
        empty = [`${base}_empty.onnx`];
    }
    return { base, macs: report.macs * batch, empty };
}

function difference(a, b) { // as a share of the reference's range
    const floats = (file) => new Float32Array(new Uint8Array(readFileSync(file)).buffer);
    const x = floats(a), y = floats(b);
    let worst = 0, low = Infinity, high = -Infinity;
    for (let i = 0; i < y.length; i++) {
        worst = Math.max(worst, Math.abs(x[i] - y[i]));
        low = Math.min(low, y[i]);
        high = Math.max(high, y[i]);
    }
    return x.length === y.length ? worst / (high - low || 1) : NaN;
}

const results = { machine: cpus()[0].model, processors: cpus().length, onnxruntime: createRequire(import.meta.url)("onnxruntime-node/package.json").version,
    compiler: run(cc.at(-1), ["--version"]).split("\n")[0], flags: cflags.join(" "), batch, weights: `${options["weights-dtype"]}, ${options.huge ? "huge pages" : "mapped"}`, rows: [] };
let bad = 0;
for (const name of names) {
    const { base, macs, empty } = build(name);
    for (const threads of options.threads.split(",").map(Number)) {
        const ours = new Side(`${base}.time`, [`${base}.weights`, threads, options.huge ? 1 : 0, `${base}.ours`]);
        const our = await ours.next();
        const theirs = new Side("node", ["--expose-gc", "tests/bench/ort_time.mjs", `${base}.onnx`, threads, `${base}.theirs`, ...empty]);
        const their = await theirs.next();
        const a = [], b = [];
        for (let r = 0; r <= rounds; r++) { // round 0 warms up
            const x = await ours.ask(options.seconds);
            await sleep(50); // the other's threads go to sleep
            const y = await theirs.ask(options.seconds);
            await sleep(50);
            if (r) { a.push(x); b.push(y); }
        }
        await ours.end();
        await theirs.end();
        let most = 1e-4;
        if (options["weights-dtype"] !== "f32") {
            writeFileSync(`${base}_rounded.onnx`, round_weights(readFileSync(`${base}.onnx`), options["weights-dtype"]));
            const rounded = new Side("node", ["--expose-gc", "tests/bench/ort_time.mjs", `${base}_rounded.onnx`, threads, `${base}.rounded`]);
            await rounded.next();
            await rounded.end();
            most += 4 * difference(`${base}.rounded`, `${base}.theirs`);
            for (const end of [".rounded", "_rounded.onnx"]) rmSync(base + end);
        }
        const ratio = a.map((x, i) => x.median / b[i].median);
        const side = (list, start) => ({ median_ms: median(list.map((x) => x.median)), min_ms: Math.min(...list.map((x) => x.min)), ...start });
        const row = { network: name, threads, macs, cnnc: side(a, our), onnxruntime: side(b, their),
            ratio: median(ratio), ratio_low: Math.min(...ratio), ratio_high: Math.max(...ratio), difference: difference(`${base}.ours`, `${base}.theirs`) };
        row.cnnc.gflops = 2 * macs / row.cnnc.median_ms / 1e6;
        row.onnxruntime.gflops = 2 * macs / row.onnxruntime.median_ms / 1e6;
        if (!(row.difference <= most)) { bad++; console.error(`${name}: outputs differ by ${row.difference} of the range`); }
        results.rows.push(row);
        console.error(`${name}, ${threads} thread${threads > 1 ? "s" : ""}: ${row.cnnc.median_ms.toPrecision(3)} ms, ONNX Runtime ${row.onnxruntime.median_ms.toPrecision(3)} ms`);
    }
    for (const end of ["weights", "onnx", "ours", "theirs", "time"]) rmSync(`${base}.${end}`, { force: true });
}

const n = (x) => x.toPrecision(3);
const table = [
    `${results.machine}, ${results.processors} processors; ONNX Runtime ${results.onnxruntime}; ${results.compiler}, ${results.flags}; batch ${batch}, weights ${results.weights}.`,
    "Medians; ratio: median over rounds (lowest to highest); difference of outputs as a share of their range.", "",
    "MB: resident, less what was before loading; open, first: ms to open and of the first run, files in the page cache.", "",
    "| network | threads | cnnc ms | GFLOP/s | MB | open | first | ONNX Runtime ms | GFLOP/s | MB | open | first | ratio | difference |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...results.rows.map((r) => `| ${r.network} | ${r.threads} | ${n(r.cnnc.median_ms)} | ${r.cnnc.gflops.toFixed(0)} | ${r.cnnc.resident_mb.toFixed(0)} | ${n(r.cnnc.load_ms)} | ${n(r.cnnc.first_ms)} | ${n(r.onnxruntime.median_ms)} | ${r.onnxruntime.gflops.toFixed(0)} | ${r.onnxruntime.resident_mb.toFixed(0)} | ${n(r.onnxruntime.load_ms)} | ${n(r.onnxruntime.first_ms)} | ${r.ratio.toFixed(2)} (${r.ratio_low.toFixed(2)} to ${r.ratio_high.toFixed(2)}) | ${r.difference.toExponential(0)} |`),
].join("\n") + "\n";
writeFileSync(`${dir}/results.json`, JSON.stringify(results, null, 1) + "\n");
writeFileSync(`${dir}/results.md`, table);
writeFileSync(`${dir}/results.svg`, chart(results));
process.stdout.write(table);
process.exitCode = bad ? 1 : 0;
