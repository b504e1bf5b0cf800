// The colours of a face on its model's chart, from one photo (export/texture.py): what is seen, and how far it can be
// trusted; what is hidden is completed.

import { fromOtherSide } from "./completion.js";
import { rasterize, spread } from "./raster.js";
import { likeness, skinJudge } from "./skin.js";

/** Takes textures of faces of one model; the chart's tables are made once. */
export class FaceTexturer {
  /**
   * @param {import("./model.js").FaceModel} model
   * @param {any} settings  settings.texture
   * @param {number} size  texels along a side, a power of two
   */
  constructor(model, settings, size) {
    this.model = model;
    this.settings = settings;
    this.size = size;
    const places = Float64Array.from({ length: model.neutral.length }, (_, at) => {
      return at % 3 === 2 ? 0 : model.uv[Math.floor(at / 3) * 2 + (at % 3)] * size;
    });
    this.chart = rasterize(places, model.triangles, size, size);
    this.judge = skinJudge(model, this.chart, settings);
  }

  /**
   * The whole texture of one face, size * size * 3.
   * @param {import("./face.js").Face} face
   * @param {import("./pixels.js").Picture} picture
   * @returns {Uint8ClampedArray}
   */
  texture(face, picture) {
    const { colours, trust } = this.visible(face, picture);
    return Uint8ClampedArray.from(fromOtherSide(colours, trust, this.size, this.settings.light_range)); // it rounds
  }

  /** What the photo shows of the chart, and how far it can be trusted. */
  visible(face, picture) {
    const { settings: s, model, chart } = this;
    const facing = facingOf(face.found.vertices, model.triangles);
    const steps = awayFromSteps(face, s);
    const trusted = facing.map((cosine, vertex) => face.visibility[vertex] * between(cosine, s.slant) * steps[vertex]);
    const { colours, trust } = this.sampled(face.found.vertices, trusted, picture);
    const aslant = spread(chart, model.triangles, facing.map((cosine) => between(cosine, s.aslant)));
    const alike = likeness(this.judge, colours, trust, aslant, s.skin);
    return { colours, trust: trust.map((value, texel) => value * alike[texel]) };
  }

  /** Colours of the photo where each texel lies in it; none, and no trust, beyond it. */
  sampled(vertices, trusted, picture) {
    const { chart, model } = this;
    const of = (axis) => spread(chart, model.triangles, trusted.map((_, vertex) => vertices[vertex * 3 + axis]));
    const [xs, ys, trust] = [of(0), of(1), spread(chart, model.triangles, trusted)];
    const colours = new Float32Array(trust.length * 3);
    for (let at = 0; at < trust.length; at++) {
      const [x, y] = [xs[at], ys[at]];
      const isKnown = chart.triangle[at] >= 0 && x >= 0 && y >= 0 && x <= picture.width && y <= picture.height;
      if (isKnown) colours.set(colourAt(picture, x, y), at * 3);
      trust[at] = isKnown ? Math.min(Math.max(trust[at], 0), 1) : 0;
    }
    return { colours, trust };
  }
}

/** Between the centres of four pixels, rounded; beyond the outermost centres the border's colour goes on. */
function colourAt({ width, height, data }, x, y) {
  const across = Math.min(Math.max(x - 0.5, 0), width - 1);
  const down = Math.min(Math.max(y - 0.5, 0), height - 1);
  const [left, top] = [Math.floor(across), Math.floor(down)];
  const [right, bottom] = [Math.min(left + 1, width - 1), Math.min(top + 1, height - 1)];
  const [partX, partY] = [across - left, down - top];
  return [0, 1, 2].map((k) => {
    const at = (row, column) => data[(row * width + column) * 3 + k];
    const upper = at(top, left) * (1 - partX) + at(top, right) * partX;
    const lower = at(bottom, left) * (1 - partX) + at(bottom, right) * partX;
    return Math.round(upper * (1 - partY) + lower * partY);
  });
}

/** 0 at the first limit, 1 at the second. */
const between = (value, [first, second]) => Math.min(Math.max((value - first) / (second - first), 0), 1);

/** The largest cosine to the viewer of a vertex' triangles; 0 where all look away. @returns {Float32Array} */
function facingOf(v, triangles) {
  const facing = new Float32Array(v.length / 3);
  for (let at = 0; at < triangles.length; at += 3) {
    const corners = [triangles[at], triangles[at + 1], triangles[at + 2]];
    const [a, b, c] = corners.map((corner) => corner * 3);
    const [ux, uy, uz] = [v[b] - v[a], v[b + 1] - v[a + 1], v[b + 2] - v[a + 2]];
    const [wx, wy, wz] = [v[c] - v[a], v[c + 1] - v[a + 1], v[c + 2] - v[a + 2]];
    const [nx, ny, nz] = [uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx];
    const length = Math.hypot(nx, ny, nz);
    if (length > 0) for (const corner of corners) facing[corner] = Math.max(facing[corner], -nz / length);
  }
  return facing;
}

/**
 * 1 for vertices whose surroundings in the photo are as near as they are, 0 beside a step in depth: a mesh that lies
 * some pixels wrong takes the colours of what is before or behind it there.
 * @returns {Float32Array}
 */
function awayFromSteps({ found, aligned, model }, s) {
  const moved = found.vertices.map((value) => value / (aligned.camera.scale * s.step_px_mm));
  const [low, high] = [new Array(3).fill(Infinity), new Array(3).fill(-Infinity)];
  moved.forEach((value, at) => {
    low[at % 3] = Math.min(low[at % 3], value);
    high[at % 3] = Math.max(high[at % 3], value);
  });
  const vertices = moved.map((value, at) => value - low[at % 3] + (at % 3 === 2 ? 0 : s.edge_px));
  const [width, height] = [0, 1].map((axis) => Math.floor(high[axis] - low[axis] + s.edge_px) + s.edge_px + 1);
  const raster = rasterize(vertices, model.triangles, width, height);
  const [first, last] = model.parts.face;
  // What is seen between lips and lids lies deep, but is no other surface that could be mistaken for skin.
  const isInside = (at) => raster.triangle[at] >= 0 && (raster.triangle[at] < first || raster.triangle[at] >= last);
  const nearest = around(raster.depth.map((z, at) => (isInside(at) ? Infinity : z)), width, height, s.edge_px, Math.min);
  const farthest = around(raster.depth.map((z, at) => (isInside(at) ? -Infinity : z)), width, height, s.edge_px, Math.max);
  const away = new Float32Array(vertices.length / 3).fill(1);
  for (const vertex of model.triangles.subarray(first * 3, last * 3)) {
    const [x, y, z] = vertices.subarray(vertex * 3, vertex * 3 + 3);
    const at = Math.min(Math.floor(y), height - 1) * width + Math.min(Math.floor(x), width - 1);
    const step = Math.max(z - nearest[at], farthest[at] - z) * s.step_px_mm;
    away[vertex] = Math.min(Math.max(2 - step / s.edge_mm, 0), 1);
  }
  return away;
}

/** The extreme of the depths within some pixels, along rows and then along columns. */
function around(depth, width, height, reach, extreme) {
  const along = (values, step, length) => {
    const out = Float32Array.from(values);
    for (let at = 0; at < out.length; at++) {
      const place = Math.floor(at / step) % length;
      for (let shift = -Math.min(reach, place); shift <= Math.min(reach, length - 1 - place); shift++) {
        out[at] = extreme(out[at], values[at + shift * step]);
      }
    }
    return out;
  };
  return along(along(depth, width, height), 1, width);
}
