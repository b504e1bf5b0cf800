// JSON and OBJ, as `lineament align` writes them (docs/json.md, docs/exports.md), and saving a file.

import { reportedWeights } from "./expression_keys.js";
import { anglesOf, vertexNormals } from "./geometry.js";

const rounded = (value, digits) => (Number.isFinite(value) ? Number(value.toFixed(digits)) + 0 : null);
const roundedAll = (values, digits) => Array.from(values, (value) => rounded(value, digits));

function rows(values, width, digits) {
  const all = roundedAll(values, digits);
  return Array.from({ length: all.length / width }, (_, row) => all.slice(row * width, (row + 1) * width));
}

/**
 * What lineament-faces/1 says of the faces of one photo, as found.
 * @param {{aligned: import("./aligner.js").Aligned, landmarks: Float32Array, landmarkVisibility: number[]}[]} faces
 */
export function jsonText(faces, model, settings, photo) {
  const content = {
    schema: "lineament-faces/1",
    lineament: settings.lineament,
    units: { angle: "rad", image: "px", model: "mm" },
    photo: { file: photo.name, width: photo.width, height: photo.height },
    faces: faces.map((face) => ({ ...faceValues(face, model, settings), mesh: null })),
  };
  return JSON.stringify(content, null, 1) + "\n";
}

function faceValues({ aligned, landmarks, landmarkVisibility }, model, settings) {
  const { camera, cropBox, detection, identity, expression, uncertainty, keyScales } = aligned;
  const { yaw, pitch, roll } = anglesOf(camera.rotation);
  return {
    box_xyxy: roundedAll(detection.box, 2),
    score: rounded(detection.score, 4),
    uncertainty_mm: uncertainty === null ? null : rounded(uncertainty, 2),
    crop_box: { center_xy: roundedAll([cropBox.x, cropBox.y], 2), side: rounded(cropBox.side, 2), roll: rounded(cropBox.roll, 5) },
    pose: {
      yaw: rounded(yaw, 5),
      pitch: rounded(pitch, 5),
      roll: rounded(roll, 5),
      rotation: rows(camera.rotation, 3, 6),
      scale: rounded(camera.scale, 6),
      translation: roundedAll(camera.translation, 3),
    },
    landmark_scheme: settings.landmarks,
    landmarks_image: rows(landmarks, 3, 2),
    landmark_visibility: roundedAll(landmarkVisibility, 2),
    face_model: "lfm",
    identity: roundedAll(identity, 4),
    expression: roundedAll(expression, 4),
    expression_names: model.expressionNames.slice(0, expression.length),
    blendshapes: blendshapes(expression, model, settings, keyScales),
  };
}

/**
 * Weights by ARKit's 52 names, 0 to 1; sides that ARKit does not tell apart as their mean, 0 for the tongue.
 * @param {any} settings  of settings.json
 * @param {Record<string, import("./expression_keys.js").KeyScale>} [keyScales]  of the weights' keys
 */
export function blendshapes(expression, model, { arkit_name_of_side: arkitNameOfSide, arkit_names: arkitNames, gaze }, keyScales) {
  /** @type {Record<string, number[]>} */
  const sides = {};
  reportedWeights(model.expressionNames, expression, keyScales, gaze).forEach((reported, number) => {
    const name = model.expressionNames[number];
    (sides[arkitNameOfSide[name] ?? name] ??= []).push(Math.min(Math.max(reported, 0), 1));
  });
  const mean = (values) => values.reduce((total, value) => total + value, 0) / values.length;
  return Object.fromEntries(arkitNames.map((name) => [name, name in sides ? rounded(mean(sides[name]), 4) : 0]));
}

/** A mesh in mm, facing the viewer. @param {{identity: ArrayLike<number>, expression: ArrayLike<number>}} face */
export function objText(face, model, settings) {
  const vertices = model.vertices(face.identity, face.expression);
  const lines = [`# lineament ${settings.lineament}; mm: x to the viewer's right, y up, z to the viewer`];
  const number = (value) => value.toFixed(4);
  for (let at = 0; at < vertices.length; at += 3) lines.push(`v ${Array.from(vertices.subarray(at, at + 3), number).join(" ")}`);
  const normals = vertexNormals(vertices, model.triangles);
  for (let at = 0; at < normals.length; at += 3) lines.push(`vn ${Array.from(normals.subarray(at, at + 3), number).join(" ")}`);
  for (let at = 0; at < model.uv.length; at += 2) lines.push(`vt ${model.uv[at].toFixed(6)} ${(1 - model.uv[at + 1]).toFixed(6)}`);
  const starts = Object.fromEntries(Object.entries(model.parts).map(([name, [first]]) => [first, name]));
  for (let triangle = 0; triangle < model.triangles.length / 3; triangle++) {
    if (triangle in starts) lines.push(`g ${starts[triangle]}`);
    const corners = model.triangles.subarray(triangle * 3, triangle * 3 + 3);
    lines.push(`f ${Array.from(corners, (c) => `${c + 1}/${c + 1}/${c + 1}`).join(" ")}`);
  }
  return lines.join("\n") + "\n";
}

/** Hands a file to the browser's downloads. @param {BlobPart} content */
export function saveFile(name, content, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}
