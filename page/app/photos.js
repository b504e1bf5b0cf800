// Photographs in: files, dropped or chosen, and the camera.

import { fromRgba } from "./pixels.js";

const MOST_PIXELS = 50e6;
const THUMBNAIL_PX = 160;

/**
 * @typedef {object} Photo
 * @property {string} name
 * @property {HTMLCanvasElement} canvas  upright
 * @property {import("./pixels.js").Picture} picture
 */

/** Reads a file as a person sees it: upright, transparency on white. @param {File} file @returns {Promise<Photo>} */
export async function readPhoto(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch (error) {
    throw new Error(`${file.name} is not a photograph this browser can read. Convert it to JPEG or PNG.`);
  }
  if (bitmap.width * bitmap.height > MOST_PIXELS) {
    throw new Error(`${file.name} has more than 50 megapixels. Make it smaller first.`);
  }
  const photo = takePicture(bitmap, bitmap.width, bitmap.height, file.name);
  bitmap.close();
  return photo;
}

/** @param {CanvasImageSource} source @returns {Photo} */
export function takePicture(source, width, height, name) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error(`${name} needs more memory than this browser gives. Make it smaller first.`);
  context.drawImage(source, 0, 0, width, height);
  return { name, canvas, picture: fromRgba(context.getImageData(0, 0, width, height)) };
}

/** A small copy as a data URL. @param {Photo} photo */
export function thumbnail(photo) {
  const scale = Math.min(1, THUMBNAIL_PX / Math.max(photo.canvas.width, photo.canvas.height));
  const small = document.createElement("canvas");
  small.width = Math.max(1, Math.round(photo.canvas.width * scale));
  small.height = Math.max(1, Math.round(photo.canvas.height * scale));
  small.getContext("2d").drawImage(photo.canvas, 0, 0, small.width, small.height);
  return small.toDataURL("image/jpeg", 0.8);
}

export class Camera {
  constructor() {
    this.video = document.createElement("video");
    this.video.playsInline = true;
    this.video.muted = true;
    this.running = false;
    this.session = 0; // one more at each start and stop: who waited for permission sees that it is over
  }

  /** Whether the camera runs now; not when it was stopped before it could. @returns {Promise<boolean>} */
  async start() {
    const session = ++this.session;
    if (!navigator.mediaDevices) throw new Error("This browser gives no camera to pages that are not served safely.");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: 640 }, audio: false });
    } catch (error) {
      throw new Error(cameraProblem(error.name));
    }
    if (session !== this.session) {
      for (const track of stream.getTracks()) track.stop();
      return false;
    }
    this.video.srcObject = stream;
    try {
      await this.video.play();
    } catch (error) {
      if (session === this.session) throw new Error(cameraProblem(error.name));
    }
    if (session === this.session) this.running = true;
    return session === this.session;
  }

  /** The picture of this moment. */
  take() {
    return takePicture(this.video, this.video.videoWidth, this.video.videoHeight, "camera.jpg");
  }

  stop() {
    this.session += 1;
    this.running = false;
    for (const track of this.video.srcObject?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
  }
}

function cameraProblem(name) {
  if (name === "NotAllowedError") return "The camera was not allowed. Allow it in the browser's settings for this page.";
  if (name === "NotFoundError") return "No camera was found on this machine.";
  if (name === "NotReadableError") return "The camera is used by another program.";
  return `The camera cannot be used (${name}).`;
}
