// A face as GLB: metres, y up, ARKit's 52 blendshapes as named morph targets (export/glb.py), in one surface. The mesh
// is the face at rest; it opens with the expression as reported.

import { reportedWeights, weightsAtRest } from "./expression_keys.js";
import { vertexNormals } from "./geometry.js";
import { GlbFile } from "./gltf.js";

const METRES_PER_MM = 1e-3;
const SMALLEST_MM = 0.002;
const SMALLEST_BEND = 0.01;

/**
 * @param {{identity: ArrayLike<number>, expression: ArrayLike<number>, keyScales?: Record<string, any>, reported?: number[]}} face
 * @param {import("./model.js").FaceModel} model
 * @param {any} settings  of settings.json
 * @param {Uint8Array | null} jpeg  texture on the model's chart
 */
export function glbBytes(face, model, settings, jpeg) {
  const glb = new GlbFile(`lineament ${settings.lineament}`);
  const names = settings.arkit_names;
  const members = membersOf(names, model.expressionNames, settings.arkit_name_of_side);
  const { expressionNames } = model;
  const reported = face.reported ?? reportedWeights(expressionNames, face.expression, face.keyScales, settings.gaze);
  const weights = members.map((group) => mean(group.map((number) => reported[number] ?? 0)));
  const atRest = model.vertices(face.identity, weightsAtRest(expressionNames, face.expression, face.keyScales));
  Object.assign(glb.document, {
    scene: 0,
    scenes: [{ nodes: [0] }],
    nodes: [{ name: "head", mesh: 0 }],
    meshes: [{ name: "face", primitives: [primitive(glb, atRest, model, members)], weights, extras: { targetNames: names } }],
    materials: [material(glb, jpeg)],
  });
  return glb.toBytes();
}

/** Of each name the numbers of the model's expressions that it moves; none for the tongue. */
function membersOf(names, expressionNames, nameOfSide) {
  const merged = expressionNames.map((name) => nameOfSide[name] ?? name);
  return names.map((name) => merged.flatMap((other, number) => (other === name ? [number] : [])));
}

const mean = (values) => (values.length ? values.reduce((total, value) => total + value, 0) / values.length : 0);

function primitive(glb, atRest, model, members) {
  const normals = whole(vertexNormals(atRest, model.triangles));
  const attributes = {
    POSITION: glb.addValues(metres(atRest), 3, { bounds: true }),
    NORMAL: glb.addValues(normals, 3),
    TEXCOORD_0: glb.addValues(model.uv, 2),
  };
  const targets = members.map((group) => target(glb, model, atRest, normals, group));
  return { attributes, indices: glb.addIndices(model.triangles), material: 0, targets };
}

function target(glb, model, atRest, normals, group) {
  const difference = new Float32Array(atRest.length);
  for (const number of group) {
    const start = number * atRest.length;
    for (let at = 0; at < atRest.length; at++) difference[at] += model.expressionBasis[start + at];
  }
  dropSmall(difference, SMALLEST_MM);
  const moved = atRest.map((value, at) => value + difference[at]);
  const bend = whole(vertexNormals(moved, model.triangles)).map((value, at) => value - normals[at]);
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

function material(glb, jpeg) {
  const material = { metallicFactor: 0, roughnessFactor: 0.85 };
  if (jpeg) material.baseColorTexture = { index: glb.addPicture(jpeg, "image/jpeg") };
  else material.baseColorFactor = [0.72, 0.66, 0.62, 1];
  return { name: "skin", pbrMetallicRoughness: material, doubleSided: true };
}
