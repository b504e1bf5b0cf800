// The networks' thread: the page stays quick while they compute.

import * as ort from "../vendored/ort.wasm.min.js";
import { Aligner } from "./aligner.js";
import { FaceModel } from "./model.js";
import { fetchBytes, fetchJson } from "./files_of_page.js";

const base = new URL("../", import.meta.url);
ort.env.wasm.numThreads = 1; // several need headers that a static host may not send
ort.env.wasm.wasmPaths = {
  mjs: new URL("vendored/ort-wasm-simd-threaded.js", base).href,
  wasm: new URL("vendored/ort-wasm-simd-threaded.wasm", base).href,
};

/** @type {Promise<Aligner> | null} */
let aligner = null;

async function makeAligner() {
  const [settings, model] = await Promise.all([fetchJson("settings.json"), fetchBytes("model/lfm.bin")]);
  return new Aligner(ort, new FaceModel(model.buffer), settings, fetchBytes);
}

self.onmessage = async ({ data: { id, picture, options } }) => {
  try {
    aligner ??= makeAligner();
    const ready = await aligner;
    if (!ready.regressors[options.method]) self.postMessage({ id, isLoading: true });
    await ready.open(options.method);
    const start = performance.now();
    const faces = await ("time" in options ? ready.follow(picture, options) : ready.align(picture, options));
    self.postMessage({ id, faces, milliseconds: performance.now() - start });
  } catch (error) {
    aligner = null; // what failed to load may load the next time
    self.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
};
