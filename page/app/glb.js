// A face as GLB: metres, y up, ARKit's 52 blendshapes as named morph targets (export/glb.py). The mesh is the face at
// rest; it opens with the expression as reported.

import { reportedWeights, weightsAtRest } from "./expression_keys.js";
import { vertexNormals } from "./geometry.js";
import { GlbFile } from "./gltf.js";
import { headParts } from "./head_parts.js";

const METRES_PER_MM = 1e-3;
const SMALLEST_MM = 0.002;
const SMALLEST_BEND = 0.01;

/**
 * @param {{identity: ArrayLike<number>, expression: ArrayLike<number>, keyScales?: Record<string, any>, reported?: number[]}} face
 * @param {import("./model.js").FaceModel} model
 * @param {any} settings  of settings.json
 * @param {Uint8Array | null} jpeg  texture on the model's chart
 * @param {import("./head_parts.js").Inside} inside
 */
export function glbBytes(face, model, settings, jpeg, inside) {
  const glb = new GlbFile(`lineament ${settings.lineament}`);
  const names = settings.arkit_names;
  const members = membersOf(names, model.expressionNames, settings.arkit_name_of_side);
  const { expressionNames } = model;
  const reported = face.reported ?? reportedWeights(expressionNames, face.expression, face.keyScales, settings.gaze);
  const weights = members.map((group) => mean(group.map((number) => reported[number] ?? 0)));
  const atRest = model.vertices(face.identity, weightsAtRest(expressionNames, face.expression, face.keyScales));
  const parts = headParts(model, inside, atRest);
  const skin = skinMaterial(glb, jpeg);
  const picture = glb.addPicture(inside.png, "image/png", "eyes, mouth and teeth");
  const primitives = parts.map((part, number) => primitive(glb, part, members, number));
  Object.assign(glb.document, {
    scene: 0,
    scenes: [{ nodes: [0] }],
    nodes: [{ name: "head", mesh: 0 }],
    meshes: [{ name: "face", primitives, weights, extras: { targetNames: names } }],
    materials: [skin, ...parts.slice(1).map(({ name }) => innerMaterial(name, picture, inside.head.roughness[name]))],
  });
  return glb.toBytes();
}

/** Of each name the numbers of the model's expressions that it moves; none for the tongue. */
function membersOf(names, expressionNames, nameOfSide) {
  const merged = expressionNames.map((name) => nameOfSide[name] ?? name);
  return names.map((name) => merged.flatMap((other, number) => (other === name ? [number] : [])));
}

const mean = (values) => (values.length ? values.reduce((total, value) => total + value, 0) / values.length : 0);

/** @param {import("./head_parts.js").HeadPart} part @param {number[][]} members @param {number} material */
function primitive(glb, part, members, material) {
  const normals = whole(vertexNormals(part.atRest, part.triangles));
  const attributes = {
    POSITION: glb.addValues(metres(part.atRest), 3, { bounds: true }),
    NORMAL: glb.addValues(normals, 3),
    TEXCOORD_0: glb.addValues(part.uv, 2),
  };
  const targets = members.map((group) => target(glb, part, normals, group));
  return { attributes, indices: glb.addIndices(part.triangles), material, targets };
}

function target(glb, { atRest, triangles, difference: differenceOf }, normals, group) {
  const difference = new Float32Array(atRest.length);
  for (const key of group) differenceOf(key)?.forEach((value, at) => (difference[at] += value));
  dropSmall(difference, SMALLEST_MM);
  const moved = atRest.map((value, at) => value + difference[at]);
  const bend = whole(vertexNormals(moved, triangles)).map((value, at) => value - normals[at]);
  dropSmall(bend, SMALLEST_BEND);
  return { POSITION: glb.addDifferences(metres(difference), { bounds: true }), NORMAL: glb.addDifferences(bend) };
}

const metres = (values) => values.map((value) => value * METRES_PER_MM);

/** glTF knows no zero normals, which vertices outside of all triangles have. */
function whole(normals) {
  for (let at = 0; at < normals.length; at += 3) {
    if (!normals[at] && !normals[at + 1] && !normals[at + 2]) normals[at + 2] = 1;
  }
  return normals;
}

function dropSmall(values, smallest) {
  for (let at = 0; at < values.length; at += 3) {
    const largest = Math.max(Math.abs(values[at]), Math.abs(values[at + 1]), Math.abs(values[at + 2]));
    if (largest < smallest) values.fill(0, at, at + 3);
  }
}

function skinMaterial(glb, jpeg) {
  const material = { metallicFactor: 0, roughnessFactor: 0.85 };
  if (jpeg) material.baseColorTexture = { index: glb.addPicture(jpeg, "image/jpeg", "face") };
  else material.baseColorFactor = [0.72, 0.66, 0.62, 1];
  return { name: "skin", pbrMetallicRoughness: material, doubleSided: true };
}

/** The surface of what lies behind lids and lips. */
function innerMaterial(name, index, roughnessFactor) {
  return { name, pbrMetallicRoughness: { metallicFactor: 0, roughnessFactor, baseColorTexture: { index } }, doubleSided: true };
}
