// Whether what a photo shows at the borders of a face is its skin (export/skin.py): hair, collars and walls are not.

import { spread } from "./raster.js";

/**
 * @typedef {object} SkinJudge  of one chart
 * @property {Float32Array} beside  0 to 1: how far a texel lies beside or below the face, where colours are judged
 * @property {Float32Array} skin  0 to 1: no eyeballs and no inside of the mouth
 * @property {Float32Array} sure  above a half: cheeks and nose
 */

/**
 * @param {import("./model.js").FaceModel} model
 * @param {import("./raster.js").Raster} chart
 * @param {any} s  settings.texture
 * @returns {SkinJudge}
 */
export function skinJudge(model, chart, s) {
  const landmarks = model.landmarks(model.neutral, [], [], s.scheme);
  const parts = [besideFace(model, landmarks, s.skin), ofSkin(model), cheeksAndNose(model, landmarks, s.skin)];
  const [beside, skin, sure] = parts.map((values) => spread(chart, model.triangles, values));
  return { beside, skin, sure };
}

/**
 * How far texels may be skin, 0 to 1; 1 where nothing is judged.
 * @param {SkinJudge} judge
 * @param {Float32Array} colours  S * S * 3, 0 to 255
 * @param {Float32Array} trust  S * S: how visible each is
 * @param {Float32Array} aslant  S * S: how far each is seen aslant
 * @param {any} s  settings.texture.skin
 * @returns {Float32Array}
 */
export function likeness({ beside, skin, sure }, colours, trust, aslant, s) {
  const known = [...trust.keys()].filter((at) => sure[at] > 0.5 && trust[at] > 0.5);
  const alike = new Float32Array(trust.length).fill(1);
  if (known.length < s.min_texels) return alike;
  const light = trust.map((_, at) => (colours[at * 3] + colours[at * 3 + 1] + colours[at * 3 + 2]) / 3);
  const ofSkin = Float64Array.from(known, (at) => light[at]).sort();
  const [dark, bright] = [percentile(ofSkin, 5), percentile(ofSkin, 95)];
  const middle = [0, 1, 2].map((k) => percentile(Float64Array.from(known, (at) => hue(colours, at)[k]).sort(), 50));
  const away = (at) => Math.hypot(...hue(colours, at).map((value, k) => value - middle[k]));
  const own = Math.max(percentile(Float64Array.from(known, away).sort(), 90), s.min_hue);
  for (let at = 0; at < alike.length; at++) {
    const judged = skin[at] * Math.max(beside[at], aslant[at]);
    if (judged === 0) continue;
    const isAlike = ramp(light[at], dark, s.dark) * ramp(light[at], bright, s.bright) * ramp(away(at), own, s.other_hue);
    alike[at] = 1 - judged * (1 - isAlike);
  }
  return alike;
}

/** Of sorted numbers, between the two nearest. */
function percentile(sorted, percent) {
  const place = (percent / 100) * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (place - low);
}

/** Fractions of red, green and blue; those of near black are not meant seriously. */
function hue(colours, at) {
  const channels = [colours[at * 3], colours[at * 3 + 1], colours[at * 3 + 2]];
  const sum = Math.max(channels[0] + channels[1] + channels[2], 30);
  return channels.map((value) => value / sum);
}

/** 0 at the first limit, 1 at the second, in units of `unit`. */
function ramp(value, unit, [first, second]) {
  return Math.min(Math.max((value / Math.max(unit, 1e-6) - first) / (second - first), 0), 1);
}

const ofVertices = ({ neutral }, value) => Float32Array.from({ length: neutral.length / 3 }, (_, vertex) => value(vertex));

/** How far vertices lie beside the face or below it: 0 to 1. */
function besideFace(model, landmarks, { sides, below_mm: below }) {
  const half = (Math.abs(landmarks[0]) + Math.abs(landmarks[16 * 3])) / 2;
  return ofVertices(model, (vertex) => {
    const beside = (Math.abs(model.neutral[vertex * 3]) / half - sides[0]) / (sides[1] - sides[0]);
    const under = (landmarks[8 * 3 + 1] - model.neutral[vertex * 3 + 1] - below[0]) / (below[1] - below[0]);
    return Math.min(Math.max(beside, under, 0), 1);
  });
}

/** 1 for vertices of the face's skin. */
function ofSkin({ neutral, triangles, parts }) {
  const skin = new Float32Array(neutral.length / 3);
  for (const vertex of triangles.subarray(parts.face[0] * 3, parts.face[1] * 3)) skin[vertex] = 1;
  return skin;
}

/** 1 for the vertices whose colours are the skin's, whatever hair and beard. */
function cheeksAndNose(model, landmarks, { cheek_mm: cheek, bridge_mm: bridge }) {
  const middle = (marks) => [0, 1].map((axis) => marks.reduce((sum, mark) => sum + landmarks[mark * 3 + axis], 0) / marks.length);
  const places = [[middle([41, 48, 3]), cheek], [middle([46, 54, 13]), cheek], [middle([28]), bridge]];
  const { neutral } = model;
  const depth = neutral.reduce((sum, value, at) => sum + (at % 3 === 2 ? value : 0), 0) / (neutral.length / 3);
  return ofVertices(model, (vertex) => {
    const [x, y, z] = neutral.subarray(vertex * 3, vertex * 3 + 3);
    return Number(z > depth && places.some(([[left, up], radius]) => Math.hypot(x - left, y - up) < radius));
  });
}
