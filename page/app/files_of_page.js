// Files of the page's own folder; the only things it ever asks the network for.

const base = new URL("../", import.meta.url);

async function fetched(name) {
  let answer;
  try {
    answer = await fetch(new URL(name, base));
  } catch (error) {
    throw new Error(`${name} could not be loaded: the page's server does not answer. Is it still running?`);
  }
  if (!answer.ok) throw new Error(`${name} is missing on the page's server (${answer.status}). Export the page again.`);
  return answer;
}

/** @returns {Promise<Uint8Array>} */
export async function fetchBytes(name) {
  return new Uint8Array(await (await fetched(name)).arrayBuffer());
}

export async function fetchJson(name) {
  return (await fetched(name)).json();
}
