// The photograph laid out on the face model's chart: seen parts from the photo, hidden ones from the face's other
// side, what neither shows in the mean colour of the skin.

import * as THREE from "../vendored/three.bundle.min.js";

const SIZE = 1024;

const VERTEX = `
  attribute vec2 place;
  attribute vec2 placeOfMirror;
  attribute float seen;
  attribute float seenOfMirror;
  varying vec2 vPlace;
  varying vec2 vMirror;
  varying vec2 vSeen;
  void main() {
    vPlace = place;
    vMirror = placeOfMirror;
    vSeen = vec2(seen, seenOfMirror);
    gl_Position = vec4(uv.x * 2.0 - 1.0, 1.0 - uv.y * 2.0, 0.0, 1.0);
  }`;

const FRAGMENT = `
  uniform sampler2D photo;
  uniform vec3 skin;
  varying vec2 vPlace;
  varying vec2 vMirror;
  varying vec2 vSeen;
  void main() {
    float own = smoothstep(0.6, 1.0, vSeen.x);
    float other = (1.0 - own) * smoothstep(0.6, 1.0, vSeen.y);
    vec3 rest = (1.0 - own - other) * skin;
    vec3 colour = own * texture2D(photo, vPlace).rgb + other * texture2D(photo, vMirror).rgb + rest;
    gl_FragColor = vec4(colour, 1.0);
  }`;

/** A JPEG of the face's texture. @param {import("./face.js").Face} face @returns {Promise<Uint8Array>} */
export async function textureJpeg(face, { canvas: photo, picture }) {
  const canvas = document.createElement("canvas");
  const renderer = new THREE.WebGLRenderer({ canvas, preserveDrawingBuffer: true });
  renderer.setPixelRatio(1);
  renderer.setSize(SIZE, SIZE, false);
  const skin = skinColour(face, picture);
  renderer.setClearColor(new THREE.Color().setRGB(...skin, THREE.SRGBColorSpace), 1);
  const texture = new THREE.CanvasTexture(photo); // no colour space: its bytes are copied as they are
  const material = new THREE.ShaderMaterial({
    vertexShader: VERTEX,
    fragmentShader: FRAGMENT,
    uniforms: { photo: { value: texture }, skin: { value: new THREE.Vector3(...skin) } },
    side: THREE.DoubleSide,
    depthTest: false,
  });
  const mesh = new THREE.Mesh(chart(face, picture), material);
  mesh.frustumCulled = false;
  const scene = new THREE.Scene();
  scene.add(mesh);
  renderer.render(scene, new THREE.OrthographicCamera());
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  for (const part of [mesh.geometry, material, texture, renderer]) part.dispose();
  renderer.forceContextLoss();
  return new Uint8Array(await blob.arrayBuffer());
}

/** The mesh on its chart, with where each vertex and its mirror image lie in the photo. */
function chart({ found, visibility, model }, { width, height }) {
  const count = visibility.length;
  const place = new Float32Array(count * 2);
  const placeOfMirror = new Float32Array(count * 2);
  const seenOfMirror = new Float32Array(count);
  const at = (vertex) => [found.vertices[vertex * 3] / width, 1 - found.vertices[vertex * 3 + 1] / height];
  for (let vertex = 0; vertex < count; vertex++) {
    place.set(at(vertex), vertex * 2);
    placeOfMirror.set(at(model.mirrorVertex[vertex]), vertex * 2);
    seenOfMirror[vertex] = visibility[model.mirrorVertex[vertex]];
  }
  const geometry = new THREE.BufferGeometry();
  const add = (name, values, size) => geometry.setAttribute(name, new THREE.BufferAttribute(values, size));
  geometry.setIndex(new THREE.BufferAttribute(model.triangles, 1));
  add("position", new Float32Array(count * 3), 3);
  add("uv", model.uv, 2);
  add("place", place, 2);
  add("placeOfMirror", placeOfMirror, 2);
  add("seen", visibility, 1);
  add("seenOfMirror", seenOfMirror, 1);
  return geometry;
}

/** Mean colour where the face is seen, 0 to 1. */
function skinColour({ found, visibility }, { width, height, data }) {
  const sum = [0, 0, 0];
  let weight = 1e-9;
  visibility.forEach((seen, vertex) => {
    const x = Math.floor(found.vertices[vertex * 3]);
    const y = Math.floor(found.vertices[vertex * 3 + 1]);
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    for (let k = 0; k < 3; k++) sum[k] += (seen * data[(y * width + x) * 3 + k]) / 255;
    weight += seen;
  });
  return sum.map((value) => value / weight);
}
