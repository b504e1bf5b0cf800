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
  opened = { ...gltf, head, mixer: new THREE.AnimationMixer(gltf.scene) };
  for (const clip of gltf.animations) {
    const action = opened.mixer.clipAction(clip).setLoop(THREE.LoopOnce, 1); // at its end it does not begin anew
    action.clampWhenFinished = true;
    action.play();
  }
  gltf.scene.updateMatrixWorld(true);
  return {
    targets: head.morphTargetDictionary,
    hasTexture: head.material.map !== null,
    clips: gltf.animations.map(({ name, duration }) => ({ name, duration })),
  };
}

/** Every vertex as it is drawn: targets by their weights, then the node's own place; m. */
function points() {
  const { head } = opened;
  const count = head.geometry.attributes.position.count;
  return Array.from({ length: count }, (_, k) =>
    head.getVertexPosition(k, new THREE.Vector3()).applyMatrix4(head.matrixWorld).toArray(),
  );
}

function setWeight(name, value) {
  const { head } = opened;
  head.morphTargetInfluences[head.morphTargetDictionary[name]] = value;
}

/** The animation at a time, s. */
function at(time) {
  const { head, mixer, scene } = opened;
  mixer.setTime(time);
  scene.updateMatrixWorld(true);
  const [quaternion, position, scale] = [head.quaternion, head.position, head.scale].map((part) => part.toArray());
  return { weights: Array.from(head.morphTargetInfluences), quaternion, position, scale };
}

/** Where the file's own camera sees points of the world, in its picture's -1 to 1. */
function seenByCamera(world) {
  const [camera] = opened.cameras;
  return world.map((point) => new THREE.Vector3(...point).project(camera).toArray());
}

/** RGBA, row by row from the top, of the texture's own colours without any light. @param {number[]} view  m */
function picture(width, height, [left, right, top, bottom]) {
  const { head, scene } = opened;
  const camera = new THREE.OrthographicCamera(left, right, top, bottom, 0, 2);
  camera.position.z = 1;
  const lit = head.material;
  head.material = new THREE.MeshBasicMaterial({ map: lit.map });
  if (lit.map) lit.map.colorSpace = THREE.LinearSRGBColorSpace;
  renderer.setSize(width, height);
  renderer.render(scene, camera);
  head.material = lit;
  const gl = renderer.getContext();
  const pixels = new Uint8Array(width * height * 4);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
  const rows = Array.from({ length: height }, (_, row) => pixels.subarray(row * width * 4, (row + 1) * width * 4));
  return rows.reverse().flatMap((row) => Array.from(row));
}

Object.assign(window, { three: { open, points, setWeight, at, seenByCamera, picture } });
