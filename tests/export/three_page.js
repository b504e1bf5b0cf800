// What three.js makes of a GLB file: its own loader opens it, and the tests ask what is there.

import * as THREE from "./three_gltf.bundle.min.js";

const renderer = new THREE.WebGLRenderer({ alpha: true, preserveDrawingBuffer: true });
document.body.append(renderer.domElement);
renderer.outputColorSpace = THREE.LinearSRGBColorSpace; // colours leave as they are in the texture

/** @type {any} */
let opened = null;

/** Opens a file; says what a program finds by its name. */
async function open(name) {
  const gltf = await new THREE.GLTFLoader().loadAsync(name);
  const head = gltf.scene.getObjectByName("head");
  const meshes = []; // skin first, then eyes, mouth and teeth: a surface each
  head.traverse((part) => part.isMesh && meshes.push(part));
  opened = { ...gltf, head, meshes, skin: meshes[0], mixer: new THREE.AnimationMixer(gltf.scene) };
  for (const clip of gltf.animations) {
    const action = opened.mixer.clipAction(clip).setLoop(THREE.LoopOnce, 1); // at its end it does not begin anew
    action.clampWhenFinished = true;
    action.play();
  }
  gltf.scene.updateMatrixWorld(true);
  return {
    targets: meshes[0].morphTargetDictionary,
    surfaces: meshes.length,
    hasTexture: meshes[0].material.map !== null,
    clips: gltf.animations.map(({ name, duration }) => ({ name, duration })),
  };
}

/** Every vertex of the skin as it is drawn: targets by their weights, then the node's own place; m. */
function points() {
  const { skin } = opened;
  const used = skin.geometry.index ? new Set(skin.geometry.index.array) : skin.geometry.attributes.position.array.keys();
  return Array.from(used, (k) =>
    skin.getVertexPosition(k, new THREE.Vector3()).applyMatrix4(skin.matrixWorld).toArray(),
  );
}

function setWeight(name, value) {
  for (const mesh of opened.meshes) mesh.morphTargetInfluences[mesh.morphTargetDictionary[name]] = value;
}

/** The animation at a time, s. */
function at(time) {
  const { head, skin, mixer, scene } = opened;
  mixer.setTime(time);
  scene.updateMatrixWorld(true);
  const [quaternion, position, scale] = [head.quaternion, head.position, head.scale].map((part) => part.toArray());
  return { weights: Array.from(skin.morphTargetInfluences), quaternion, position, scale };
}

/** Where the file's own camera sees points of the world, in its picture's -1 to 1. */
function seenByCamera(world) {
  const [camera] = opened.cameras;
  return world.map((point) => new THREE.Vector3(...point).project(camera).toArray());
}

/** RGBA, row by row from the top, of the texture's own colours without any light. @param {number[]} view  m */
function picture(width, height, [left, right, top, bottom]) {
  const { meshes, skin, scene } = opened;
  const camera = new THREE.OrthographicCamera(left, right, top, bottom, 0, 2);
  camera.position.z = 1;
  const lit = skin.material;
  skin.material = new THREE.MeshBasicMaterial({ map: lit.map });
  for (const mesh of meshes) mesh.visible = mesh === skin;
  if (lit.map) lit.map.colorSpace = THREE.LinearSRGBColorSpace;
  renderer.setSize(width, height);
  renderer.render(scene, camera);
  skin.material = lit;
  for (const mesh of meshes) mesh.visible = true;
  const gl = renderer.getContext();
  const pixels = new Uint8Array(width * height * 4);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
  const rows = Array.from({ length: height }, (_, row) => pixels.subarray(row * width * 4, (row + 1) * width * 4));
  return rows.reverse().flatMap((row) => Array.from(row));
}

Object.assign(window, { three: { open, points, setWeight, at, seenByCamera, picture } });
