// Photographs in: files, dropped or chosen, and pictures of anything that can be drawn.

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
