// One slider a blendshape, in groups by the part of the face its name begins with.

/**
 * @param {HTMLElement} box
 * @param {string[]} names
 * @param {(number: number, reported: number) => void} onChange
 * @returns {(reported: ArrayLike<number>) => void} puts the sliders where reported weights are
 */
export function makeSliders(box, names, onChange) {
  const sliders = [];
  let group = "";
  for (const [number, name] of [...names.entries()].sort(([, a], [, b]) => (a < b ? -1 : 1))) {
    const part = name.match(/^[a-z]+/)[0];
    if (part !== group) {
      group = part;
      const title = document.createElement("h3");
      title.textContent = part[0].toUpperCase() + part.slice(1);
      box.append(title);
    }
    sliders[number] = makeSlider(name, (weight) => onChange(number, weight));
    box.append(sliders[number].label);
  }
  return (reported) => sliders.forEach((slider, number) => slider.set(reported[number] ?? 0));
}

function makeSlider(name, onInput) {
  const label = document.createElement("label");
  const title = document.createElement("span");
  const value = document.createElement("span"); // an <output> would take the label from the slider
  const input = document.createElement("input");
  Object.assign(input, { type: "range", min: "0", max: "1", step: "0.01", name });
  title.textContent = name;
  label.append(title, value, input);
  input.addEventListener("input", () => {
    value.textContent = Number(input.value).toFixed(2);
    onInput(Number(input.value));
  });
  const set = (weight) => {
    input.value = String(weight);
    value.textContent = weight.toFixed(2);
  };
  return { label, set };
}
