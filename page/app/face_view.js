// One face as objects of three.js. Their frame has the photo's px, but y up and z to the viewer; the group turns
// about the middle of the head.

import * as THREE from "../vendored/three.bundle.min.js";
import { depthColours, photoShades, visibilityColours } from "./colours.js";
import { vertexNormals } from "./geometry.js";

const CLAY = 0x96c8ff;
const AXIS_COLOURS = [0xff6b5e, 0x6fdc8c, 0x78a9ff]; // right, up, to the viewer
const AXIS_MM = 90;
const POINT_MM = 3.2;

export class FaceView {
  /**
   * @param {import("./face.js").Face} face
   * @param {THREE.Texture} photoTexture
   * @param {{width: number, height: number}} photo
   */
  constructor(face, photoTexture, photo) {
    this.face = face;
    this.group = new THREE.Group();
    this.fixed = new THREE.Group(); // does not turn
    this.pivot = middle(face.found.vertices);
    this.group.position.set(this.pivot[0], -this.pivot[1], -this.pivot[2]);
    this.geometry = this.makeGeometry(photo);
    this.materials = makeMaterials(photoTexture);
    this.surface = new THREE.Mesh(this.geometry, this.materials.shaded);
    this.layers = {
      wireframe: new THREE.Mesh(this.geometry, this.materials.wireframe),
      landmarks: new THREE.Points(new THREE.BufferGeometry(), this.materials.points),
      axes: this.makeAxes(),
      box: this.makeBox(),
    };
    this.layers.wireframe.renderOrder = 2;
    this.layers.landmarks.renderOrder = 3;
    this.layers.axes.renderOrder = 4;
    this.group.add(this.surface, this.layers.wireframe, this.layers.landmarks, this.layers.axes);
    this.fixed.add(this.layers.box);
    this.style = "shaded";
    this.update();
  }

  makeGeometry({ width, height }) {
    const { vertices } = this.face.found;
    const uv = new Float32Array((vertices.length / 3) * 2);
    for (let from = 0, to = 0; from < vertices.length; from += 3, to += 2) {
      uv[to] = vertices[from] / width;
      uv[to + 1] = 1 - vertices[from + 1] / height;
    }
    const geometry = new THREE.BufferGeometry();
    geometry.setIndex(new THREE.BufferAttribute(this.face.model.triangles, 1));
    geometry.setAttribute("uv", new THREE.BufferAttribute(uv, 2));
    return geometry;
  }

  /** Takes over the expression shown. */
  update() {
    const { vertices, landmarks } = this.face.shape();
    const positions = this.local(vertices);
    this.vertices = vertices;
    this.geometry.setAttribute("position", new THREE.BufferAttribute(positions, 3));
    this.geometry.setAttribute("normal", new THREE.BufferAttribute(vertexNormals(positions, this.face.model.triangles), 3));
    this.geometry.computeBoundingSphere();
    this.layers.landmarks.geometry.setAttribute("position", new THREE.BufferAttribute(this.local(landmarks), 3));
    this.layers.landmarks.geometry.computeBoundingSphere();
    this.show({ surface: this.style });
  }

  /** Points of the photo about the pivot, y up and z to the viewer. */
  local(points) {
    return Float32Array.from(points, (value, at) => (value - this.pivot[at % 3]) * (at % 3 === 0 ? 1 : -1));
  }

  /** @param {{surface?: string, opacity?: number, layers?: Record<string, boolean>}} look */
  show({ surface, opacity, layers }) {
    if (surface !== undefined) {
      this.style = surface;
      this.surface.visible = surface !== "none";
      this.surface.material = this.materials[surface] ?? this.materials.shaded;
      this.setColours(surface);
    }
    if (opacity !== undefined) {
      for (const name of ["shaded", "photo", "depth", "visibility"]) this.materials[name].opacity = opacity;
    }
    for (const [name, on] of Object.entries(layers ?? {})) if (this.layers[name]) this.layers[name].visible = on;
  }

  /** @param {number} unit  photo px a px of the screen */
  setPointSize(unit) {
    const size = (this.face.aligned.camera.scale * POINT_MM) / unit;
    this.materials.points.size = Math.min(Math.max(size, 1.5), 7) * Math.min(window.devicePixelRatio, 2);
  }

  setColours(surface) {
    const makers = {
      depth: () => depthColours(this.vertices, this.face.model.triangles),
      visibility: () => visibilityColours(this.face.visibility),
      photo: () => photoShades(this.face.visibility),
    };
    const colours = makers[surface]?.();
    if (colours) this.geometry.setAttribute("color", new THREE.BufferAttribute(colours, 3));
  }

  makeAxes() {
    const { rotation, scale } = this.face.aligned.camera;
    const length = AXIS_MM * scale;
    const points = [];
    const colours = [];
    for (let axis = 0; axis < 3; axis++) {
      points.push(0, 0, 0, ...[0, 3, 6].map((row) => rotation[row + axis] * length));
      const colour = new THREE.Color(AXIS_COLOURS[axis]);
      for (let end = 0; end < 2; end++) colours.push(colour.r, colour.g, colour.b);
    }
    return lines(points, colours);
  }

  makeBox() {
    const [left, top, right, bottom] = this.face.aligned.detection.box;
    const corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
    const points = corners.flatMap((corner, k) => [corner, corners[(k + 1) % 4]].flatMap(([x, y]) => [x, -y, 0]));
    return lines(points, new Array(points.length).fill(1));
  }

  dispose() {
    this.geometry.dispose();
    for (const layer of [this.layers.landmarks, this.layers.axes, this.layers.box]) layer.geometry.dispose();
    for (const material of Object.values(this.materials)) material.dispose();
  }
}

function makeMaterials(photoTexture) {
  const surface = { transparent: true, side: THREE.FrontSide, polygonOffset: true, polygonOffsetFactor: 1, polygonOffsetUnits: 1 };
  return {
    shaded: new THREE.MeshStandardMaterial({ ...surface, color: CLAY, roughness: 0.6, metalness: 0 }),
    photo: new THREE.MeshBasicMaterial({ ...surface, map: photoTexture, vertexColors: true }),
    depth: new THREE.MeshBasicMaterial({ ...surface, vertexColors: true }),
    visibility: new THREE.MeshBasicMaterial({ ...surface, vertexColors: true }),
    wireframe: new THREE.MeshBasicMaterial({ color: 0xffffff, wireframe: true, transparent: true, opacity: 0.22 }),
    points: new THREE.PointsMaterial({ color: 0xffe14d, size: 5, sizeAttenuation: false, depthTest: false, transparent: true }),
  };
}

function lines(points, colours) {
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(Float32Array.from(points), 3));
  geometry.setAttribute("color", new THREE.BufferAttribute(Float32Array.from(colours), 3));
  return new THREE.LineSegments(geometry, new THREE.LineBasicMaterial({ vertexColors: true, depthTest: false, transparent: true }));
}

function middle(points) {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  points.forEach((value, at) => {
    low[at % 3] = Math.min(low[at % 3], value);
    high[at % 3] = Math.max(high[at % 3], value);
  });
  return low.map((value, axis) => (value + high[axis]) / 2);
}
