// Straight lines of a width in px of the screen: WebGL's own are one device pixel thin, a hair on a phone.

import * as THREE from "../vendored/three.bundle.min.js";

const VERTEX = `
  uniform vec2 viewport;
  uniform float width;
  attribute vec3 other;
  attribute float side;
  attribute vec3 tint;
  varying vec3 vTint;
  void main() {
    vTint = tint;
    vec4 here = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
    vec4 there = projectionMatrix * modelViewMatrix * vec4(other, 1.0);
    vec2 along = (there.xy - here.xy) * viewport;
    along /= max(length(along), 1e-6);
    here.xy += (vec2(-along.y, along.x) * side - along) * width / viewport;
    gl_Position = here;
  }`;

const FRAGMENT = `
  varying vec3 vTint;
  void main() {
    gl_FragColor = vec4(vTint, 1.0);
  }`;

export class ThickLines {
  /**
   * @param {number[][]} segments  six numbers each: from and to
   * @param {number[]} colours  of each, 0xrrggbb
   * @param {number} width  CSS px
   */
  constructor(segments, colours, width) {
    this.width = width;
    this.uniforms = { viewport: { value: new THREE.Vector2(1, 1) }, width: { value: width } };
    const material = new THREE.ShaderMaterial({
      uniforms: this.uniforms,
      vertexShader: VERTEX,
      fragmentShader: FRAGMENT,
      side: THREE.DoubleSide,
      depthTest: false,
      transparent: true,
    });
    this.object = new THREE.Mesh(strips(segments, colours), material);
    this.object.frustumCulled = false;
  }

  /** @param {number} width  of the canvas, device px */
  fit(width, height, pixelRatio) {
    this.uniforms.viewport.value.set(width, height);
    this.uniforms.width.value = this.width * pixelRatio;
  }

  dispose() {
    this.object.geometry.dispose();
    this.object.material.dispose();
  }
}

/** Four corners a segment, each knowing its other end. */
function strips(segments, colours) {
  const [position, other, side, tint, index] = [[], [], [], [], []];
  segments.forEach((segment, number) => {
    const ends = [segment.slice(0, 3), segment.slice(3)];
    const channels = [16, 8, 0].map((shift) => ((colours[number] >> shift) & 255) / 255);
    for (const end of [0, 1]) {
      for (const sign of [1, -1]) {
        position.push(...ends[end]);
        other.push(...ends[1 - end]);
        side.push(end ? -sign : sign); // seen from the other end, left is right
        tint.push(...channels);
      }
    }
    index.push(...[0, 1, 2, 2, 1, 3].map((corner) => 4 * number + corner));
  });
  const geometry = new THREE.BufferGeometry();
  const add = (name, values, size) => geometry.setAttribute(name, new THREE.BufferAttribute(Float32Array.from(values), size));
  add("position", position, 3);
  add("other", other, 3);
  add("side", side, 1);
  add("tint", tint, 3);
  geometry.setIndex(new THREE.BufferAttribute(Uint16Array.from(index), 1));
  return geometry;
}
