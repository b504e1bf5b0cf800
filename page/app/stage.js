// The photograph with its faces, drawn by three.js; a parallel projection, as the faces were aligned with.

import * as THREE from "../vendored/three.bundle.min.js";
import { FaceView } from "./face_view.js";

const LARGEST_TEXTURE = 4096;
const PICTURE_CSS_PX = 1000; // longer side of a picture on which dots and lines are as on the screen; larger ones have larger

export class Stage {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    try {
      this.renderer = new THREE.WebGLRenderer({ canvas, antialias: true, alpha: true, preserveDrawingBuffer: true });
    } catch (error) {
      throw new Error("This browser has no WebGL, which the 3D view needs. Turn on hardware acceleration, or try another.");
    }
    this.scene = new THREE.Scene();
    this.camera = new THREE.OrthographicCamera();
    this.scene.add(new THREE.HemisphereLight(0xffffff, 0x555566, 1.5), this.sun());
    this.photo = { width: 1, height: 1 };
    /** @type {FaceView[]} */
    this.views = [];
    this.chosen = 0;
    this.zoom = 1;
    this.look = { surface: "shaded", opacity: 0.85, layers: {} };
    new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
  }

  sun() {
    const light = new THREE.DirectionalLight(0xffffff, 1.8);
    light.position.set(-0.35, 0.5, 0.79);
    return light;
  }

  /**
   * @param {HTMLCanvasElement} picture
   * @param {import("./face.js").Face[]} faces
   * @param {boolean} [goesOn]  the next picture of a film: zoom stays, and of as many faces turns and choice
   */
  show(picture, faces, goesOn = false) {
    const turns = this.views.map((view) => view.group.quaternion.clone());
    const areAsMany = goesOn && faces.length === turns.length;
    this.clear();
    this.photo = { width: picture.width, height: picture.height };
    this.texture = new THREE.CanvasTexture(limited(picture));
    this.texture.colorSpace = THREE.SRGBColorSpace;
    this.background = backgroundOf(this.texture, this.photo);
    this.scene.add(this.background);
    const isNumbered = faces.length > 1;
    this.views = faces.map((face, number) => new FaceView(face, this.texture, this.photo, isNumbered ? number : null));
    for (const view of this.views) this.scene.add(view.group, view.fixed);
    if (areAsMany) this.views.forEach((view, number) => view.group.quaternion.copy(turns[number]));
    if (!goesOn) this.zoom = 1;
    this.choose(areAsMany ? this.chosen : 0);
    this.apply(this.look);
  }

  /** @param {number} number  of the face that is turned, moved and saved */
  choose(number) {
    this.chosen = number;
    this.views.forEach((view, k) => view.choose(k === number));
    this.draw();
  }

  clear() {
    for (const view of this.views) {
      this.scene.remove(view.group, view.fixed);
      view.dispose();
    }
    this.views = [];
    if (!this.background) return;
    this.scene.remove(this.background);
    this.background.geometry.dispose();
    this.background.material.dispose();
    this.texture.dispose();
  }

  /** @param {{surface?: string, opacity?: number, layers?: Record<string, boolean>}} look */
  apply(look) {
    this.look = { ...this.look, ...look };
    for (const view of this.views) view.show(this.look);
    if (this.background) this.background.visible = this.look.layers.background ?? true;
    this.draw();
  }

  /** The chosen face took another expression. */
  refresh() {
    this.views[this.chosen]?.update();
    this.draw();
  }

  /** Turns the chosen face about the screen's axes, radians. */
  turn(right, down) {
    const view = this.views[this.chosen];
    if (!view) return;
    const about = (x, y, angle) => new THREE.Quaternion().setFromAxisAngle(new THREE.Vector3(x, y, 0), angle);
    view.group.quaternion.premultiply(about(0, 1, right)).premultiply(about(1, 0, down));
    this.draw();
  }

  zoomBy(factor) {
    this.zoom = Math.min(Math.max(this.zoom * factor, 1), 12);
    this.draw();
  }

  reset() {
    this.zoom = 1;
    for (const view of this.views) view.group.quaternion.identity();
    this.draw();
  }

  /** Which face is at a place of the canvas (CSS px), or -1. */
  faceAt(x, y) {
    const { clientWidth, clientHeight } = this.canvas;
    const place = new THREE.Vector2((x / clientWidth) * 2 - 1, 1 - (y / clientHeight) * 2);
    const ray = new THREE.Raycaster();
    ray.setFromCamera(place, this.camera);
    const hits = ray.intersectObjects(this.views.map((view) => view.surface), false);
    return hits.length ? this.views.findIndex((view) => view.surface === hits[0].object) : -1;
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    if (width === 0 || height === 0) return;
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
    this.renderer.setSize(width, height, false);
    this.frame(width, height, Math.min(window.devicePixelRatio, 2), this.zoom);
    this.renderer.render(this.scene, this.camera);
  }

  /**
   * The whole photo with what is drawn on it now, as a file's bytes; turns stay, the zoom does not.
   * @param {number} longer  longer side, px, at most; photos are never enlarged
   * @param {string} type  "image/png" or "image/jpeg"
   * @returns {Promise<Blob | null>} null without memory for it
   */
  picture(longer, type) {
    const { photo } = this;
    const scale = Math.min(1, longer / Math.max(photo.width, photo.height));
    const [width, height] = [photo.width, photo.height].map((side) => Math.max(1, Math.round(side * scale)));
    const pixelRatio = Math.max(1, Math.max(width, height) / PICTURE_CSS_PX);
    this.renderer.setPixelRatio(1);
    this.renderer.setSize(width, height, false);
    this.frame(width / pixelRatio, height / pixelRatio, pixelRatio, 1);
    this.renderer.render(this.scene, this.camera);
    const taken = new Promise((resolve) => this.canvas.toBlob(resolve, type, 0.9)); // of this moment
    this.draw();
    return taken;
  }

  /** The whole photo; zoomed in, around the chosen face. */
  frame(width, height, pixelRatio, zoom) {
    const { photo, camera } = this;
    const unit = Math.max(photo.width / width, photo.height / height) / zoom; // photo px a CSS px
    const target = zoom > 1 ? this.views[this.chosen]?.group.position : null;
    const near = zoom > 1 ? Math.min((zoom - 1) / 1.5, 1) : 0;
    const x = photo.width / 2 + ((target?.x ?? photo.width / 2) - photo.width / 2) * near;
    const y = -photo.height / 2 + ((target?.y ?? -photo.height / 2) + photo.height / 2) * near;
    const reach = 4 * Math.max(photo.width, photo.height);
    Object.assign(camera, { left: (-width / 2) * unit, right: (width / 2) * unit, top: (height / 2) * unit, bottom: (-height / 2) * unit });
    Object.assign(camera, { near: 0, far: 2 * reach });
    const screen = { unit, width: width * pixelRatio, height: height * pixelRatio, pixelRatio, photo };
    for (const view of this.views) view.fit(screen);
    camera.position.set(x, y, reach);
    camera.updateProjectionMatrix();
    camera.updateMatrixWorld();
  }
}

function backgroundOf(texture, { width, height }) {
  const material = new THREE.MeshBasicMaterial({ map: texture, depthTest: false, depthWrite: false });
  const plane = new THREE.Mesh(new THREE.PlaneGeometry(width, height), material);
  plane.position.set(width / 2, -height / 2, 0);
  plane.renderOrder = -1;
  return plane;
}

/** The picture itself, or a copy that any graphics card can hold. */
function limited(picture) {
  const scale = LARGEST_TEXTURE / Math.max(picture.width, picture.height);
  if (scale >= 1) return picture;
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
  copy.getContext("2d").drawImage(picture, 0, 0, copy.width, copy.height);
  return copy;
}
