// The texture of a face as a JPEG file, for GLB.

import { FaceTexturer } from "./face_texture.js";

const SIZE = 1024; // texels along a side, as Python's FaceTexturer has
const QUALITY = 0.92;

/** @type {FaceTexturer | null} made when first needed */
let texturer = null;

/**
 * @param {import("./face.js").Face} face
 * @param {import("./photos.js").Photo} photo
 * @param {any} settings  settings.texture
 * @returns {Promise<Uint8Array>}
 */
export async function textureJpeg(face, { picture }, settings) {
  texturer ??= new FaceTexturer(face.model, settings, SIZE);
  const colours = texturer.texture(face, picture);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [SIZE, SIZE];
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(SIZE, SIZE);
  for (let from = 0, to = 0; from < colours.length; from += 3, to += 4) {
    pixels.data.set([colours[from], colours[from + 1], colours[from + 2], 255], to);
  }
  context.putImageData(pixels, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  if (!blob) throw new Error("The texture needs more memory than this browser gives. Close other pages and try again.");
  return new Uint8Array(await blob.arrayBuffer());
}
