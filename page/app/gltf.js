// The container of glTF 2.0, as export/gltf.py writes it: arrays and pictures in one binary file (GLB).

const [FLOAT, UINT16] = [5126, 5123];
const [ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER] = [34962, 34963];
const SHAPES = { 1: "SCALAR", 2: "VEC2", 3: "VEC3" };
const SPARSE_SHARE = 0.75;

export class GlbFile {
  constructor(generator) {
    this.document = { asset: { version: "2.0", generator }, accessors: [], bufferViews: [] };
    /** @type {Uint8Array[]} */
    this.parts = [];
    this.length = 0;
  }

  /** Accessor of values, `width` a vertex. @param {Float32Array} values */
  addValues(values, width, { bounds = false } = {}) {
    const bufferView = this.addView(values, ARRAY_BUFFER);
    return this.addAccessor({ bufferView, ...accessor(values, width, bounds) });
  }

  /** @param {Uint16Array} triangles */
  addIndices(triangles) {
    const bufferView = this.addView(triangles, ELEMENT_ARRAY_BUFFER);
    return this.addAccessor({ bufferView, componentType: UINT16, count: triangles.length, type: "SCALAR" });
  }

  /** Accessor of 3 numbers a vertex, most of which may be zero: those are left out. @param {Float32Array} values */
  addDifferences(values, { bounds = false } = {}) {
    const moved = [];
    for (let vertex = 0; vertex < values.length / 3; vertex++) {
      if (values[vertex * 3] || values[vertex * 3 + 1] || values[vertex * 3 + 2]) moved.push(vertex);
    }
    if (moved.length > (SPARSE_SHARE * values.length) / 3) return this.addValues(values, 3, { bounds });
    if (moved.length === 0) moved.push(0); // a sparse accessor holds one entry at least
    const kept = new Float32Array(moved.length * 3);
    moved.forEach((vertex, k) => kept.set(values.subarray(vertex * 3, vertex * 3 + 3), k * 3));
    const indices = { bufferView: this.addView(Uint16Array.from(moved)), componentType: UINT16 };
    const sparse = { count: moved.length, indices, values: { bufferView: this.addView(kept) } };
    return this.addAccessor({ ...accessor(values, 3, bounds), sparse });
  }

  /** Texture of an encoded picture; its wrap is clamped. @param {Uint8Array} content */
  addPicture(content, mimeType, name) {
    const { images = [], textures = [] } = this.document;
    images.push({ bufferView: this.addView(content), mimeType, name });
    textures.push({ source: images.length - 1, sampler: 0 });
    const samplers = [{ magFilter: 9729, minFilter: 9987, wrapS: 33071, wrapT: 33071 }];
    Object.assign(this.document, { images, textures, samplers });
    return textures.length - 1;
  }

  /** @returns {Uint8Array} the whole file */
  toBytes() {
    this.document.buffers = [{ byteLength: this.length }];
    const text = padded(new TextEncoder().encode(JSON.stringify(this.document)), 0x20);
    const out = new Uint8Array(12 + 8 + text.length + 8 + this.length);
    const view = new DataView(out.buffer);
    const words = [0x46546c67, 2, out.length, text.length, 0x4e4f534a];
    words.forEach((word, k) => view.setUint32(k * 4, word, true));
    out.set(text, 20);
    let at = 20 + text.length;
    view.setUint32(at, this.length, true);
    view.setUint32(at + 4, 0x004e4942, true);
    at += 8;
    for (const part of this.parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  addAccessor(entry) {
    return this.document.accessors.push(entry) - 1;
  }

  addView(content, target) {
    const bytes = new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
    const view = { buffer: 0, byteOffset: this.length, byteLength: bytes.length };
    this.parts.push(padded(bytes, 0));
    this.length += this.parts.at(-1).length;
    return this.document.bufferViews.push(target ? { ...view, target } : view) - 1;
  }
}

function accessor(values, width, bounds) {
  const entry = { componentType: FLOAT, count: values.length / width, type: SHAPES[width] };
  if (!bounds) return entry;
  const min = new Array(width).fill(Infinity);
  const max = new Array(width).fill(-Infinity);
  values.forEach((value, at) => {
    min[at % width] = Math.min(min[at % width], value);
    max[at % width] = Math.max(max[at % width], value);
  });
  return { ...entry, min, max };
}

function padded(bytes, filler) {
  const out = new Uint8Array(Math.ceil(bytes.length / 4) * 4).fill(filler);
  out.set(bytes);
  return out;
}
