// Landmarks on the stage: round dots with a dark rim, those that the photograph does not show as faint rings.

import * as THREE from "../vendored/three.bundle.min.js";

const SEEN = 0.3; // as in Python's overlays (draw/marks.py)
const DOT_MM = 3.6; // across: two of them fit into an open eye
const SMALLEST_PX = 2.4; // CSS px: less is no dot but dust
const LARGEST_PX = 8;

const VERTEX = `
  uniform float size;
  attribute float visibility;
  varying float vSeen;
  void main() {
    vSeen = step(${SEEN}, visibility);
    gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
    gl_PointSize = size;
  }`;

const FRAGMENT = `
  uniform float size;
  varying float vSeen;
  void main() {
    float away = length(gl_PointCoord - 0.5) * size;
    float rim = 0.15 * size;
    float within = clamp(0.5 * size - away, 0.0, 1.0);
    float inner = clamp(0.5 * size - rim - away + 0.5, 0.0, 1.0);
    vec4 dot = vec4(mix(vec3(0.08, 0.08, 0.12), vec3(1.0, 0.88, 0.3), inner), within);
    vec4 ring = vec4(1.0, 0.95, 0.75, 0.75 * within * (1.0 - 0.85 * inner));
    gl_FragColor = mix(ring, dot, vSeen);
  }`;

export class LandmarkDots {
  /** @param {ArrayLike<number>} visibility  of the landmarks, 0 to 1 */
  constructor(visibility) {
    this.size = { value: 4 };
    const material = new THREE.ShaderMaterial({
      uniforms: { size: this.size },
      vertexShader: VERTEX,
      fragmentShader: FRAGMENT,
      depthTest: false,
      transparent: true,
    });
    this.object = new THREE.Points(new THREE.BufferGeometry(), material);
    this.object.geometry.setAttribute("visibility", new THREE.BufferAttribute(Float32Array.from(visibility), 1));
  }

  /** @param {Float32Array} positions  P * 3 */
  place(positions) {
    this.object.geometry.setAttribute("position", new THREE.BufferAttribute(positions, 3));
    this.object.geometry.computeBoundingSphere();
  }

  /** @param {number} pxAMm  of the screen @param {number} pixelRatio */
  fit(pxAMm, pixelRatio) {
    this.size.value = Math.min(Math.max(DOT_MM * pxAMm, SMALLEST_PX), LARGEST_PX) * pixelRatio;
  }

  dispose() {
    this.object.geometry.dispose();
    this.object.material.dispose();
  }
}
