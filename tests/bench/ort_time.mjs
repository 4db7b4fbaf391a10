// time.c's counterpart on ONNX Runtime: node --expose-gc ort_time.mjs MODEL.onnx THREADS OUTPUT [EMPTY.onnx]
// With EMPTY (a network of the same inputs that does nothing) each time is less the median time of a run of that: what the call from
// JavaScript costs.
import ort from "onnxruntime-node";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [model, threads, output, empty] = process.argv.slice(2);
const open = (file) => ort.InferenceSession.create(file, {
    graphOptimizationLevel: "all", intraOpNumThreads: Number(threads), interOpNumThreads: 1, executionMode: "sequential", logSeverityLevel: 3,
});
const resident = () => { global.gc?.(); return process.memoryUsage().rss / 1e6; };

let seed = 1;
const number = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 8;
function input({ type, shape }) {
    const count = shape.reduce((a, b) => a * b, 1);
    const bytes = new Uint8Array(count * (type === "float32" ? 4 : 1)).map(() => number() >> 8 & 255);
    if (type !== "float32") return new ort.Tensor(type, bytes, shape);
    return new ort.Tensor(type, new Float32Array(count).map(() => number() / (1 << 23) - 1), shape);
}

async function measure(session, feeds, seconds, least = 3) {
    const ms = [];
    for (const end = performance.now() + seconds * 1e3; ms.length < least || performance.now() < end;) {
        const start = performance.now();
        await session.run(feeds);
        ms.push(performance.now() - start);
    }
    ms.sort((a, b) => a - b);
    return { median: ms[ms.length >> 1], min: ms[0], runs: ms.length };
}

const before = resident(), start = performance.now();
const session = await open(model);
const loaded = performance.now();
const feeds = Object.fromEntries(session.inputMetadata.map((m) => [m.name, input(m)]));
const results = await session.run(feeds);
const first = performance.now() - loaded;
writeFileSync(output, Buffer.concat(session.outputMetadata.map(({ name }) => Buffer.from(results[name].data.buffer, results[name].data.byteOffset, results[name].data.byteLength))));
const memory = resident() - before;
const nothing = empty ? await open(empty) : null;
console.log(JSON.stringify({ load_ms: loaded - start, first_ms: first, resident_mb: memory }));
for await (const line of createInterface({ input: process.stdin })) {
    const overhead = nothing ? (await measure(nothing, feeds, Number(line) / 2)).median : 0;
    const t = await measure(session, feeds, Number(line));
    console.log(JSON.stringify({ median: t.median - overhead, min: t.min - overhead, runs: t.runs, overhead }));
}
