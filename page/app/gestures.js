// Turning and zooming by pointer, wheel and keys.

const RADIANS_A_PX = 0.008;
const KEY_STEP = Math.PI / 36;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("./stage.js").Stage} stage
 * @param {(face: number) => void} choose
 */
export function listenToGestures(canvas, stage, choose) {
  canvas.addEventListener("pointerdown", (event) => {
    const face = stage.faceAt(event.offsetX, event.offsetY);
    if (face >= 0) choose(face);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    stage.turn(event.movementX * RADIANS_A_PX, event.movementY * RADIANS_A_PX);
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      stage.zoomBy(Math.exp(-event.deltaY * 0.0015));
    },
    { passive: false },
  );
  canvas.addEventListener("keydown", (event) => {
    const action = KEYS[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action(stage);
  });
}

/** @type {Record<string, (stage: import("./stage.js").Stage) => void>} */
const KEYS = {
  ArrowLeft: (stage) => stage.turn(-KEY_STEP, 0),
  ArrowRight: (stage) => stage.turn(KEY_STEP, 0),
  ArrowUp: (stage) => stage.turn(0, -KEY_STEP),
  ArrowDown: (stage) => stage.turn(0, KEY_STEP),
  "+": (stage) => stage.zoomBy(1.25),
  "=": (stage) => stage.zoomBy(1.25),
  "-": (stage) => stage.zoomBy(0.8),
  0: (stage) => stage.reset(),
};
