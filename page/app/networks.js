// The networks in this page: ONNX Runtime compiled to WebAssembly, on one thread.

/** @typedef {import("./pixels.js").Picture} Picture */

/**
 * Opens a network.
 * @param {any} ort  the module onnxruntime-web
 * @param {Uint8Array} bytes
 */
export function openNetwork(ort, bytes) {
  return ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
}

/** Pictures of one size as a tensor (n, height, width, 3). @param {Picture[]} pictures */
function stacked(ort, pictures) {
  const { width, height } = pictures[0];
  const data = new Uint8Array(pictures.length * width * height * 3);
  pictures.forEach((picture, k) => data.set(picture.data, k * picture.data.length));
  return new ort.Tensor("uint8", data, [pictures.length, height, width, 3]);
}

/** The detector's network as a function of pictures, the outputs of each one apart. */
export function detectorRun(ort, session, strides) {
  return async (/** @type {Picture[]} */ pictures) => {
    const outputs = await session.run({ image: stacked(ort, pictures) });
    return pictures.map((_, row) =>
      strides.map((stride) => {
        const { dims, data } = outputs[`stride${stride}`];
        const length = dims[1] * dims[2] * dims[3];
        return { width: dims[3], height: dims[2], channels: data.subarray(row * length, (row + 1) * length) };
      }),
    );
  };
}

/** A network of crops, of whole faces or of their parts, as a function of them. */
export function cropRun(ort, session) {
  return async (/** @type {Picture[]} */ crops) => {
    const outputs = await session.run({ crop: stacked(ort, crops) });
    return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data]));
  };
}
