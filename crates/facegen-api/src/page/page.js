// The page: asks the server as any client would, and shows how to do so with curl.

const PATH = "/api/v1/enterprise/face_gen/make_gen";
const FETCH = "/api/v1/enterprise/face_gen/fetch/";
const NUMBERS = ["num_inference_steps", "samples", "s_scale", "guidance_scale"];
const TEXTS = ["prompt", "negative_prompt", "style", "safety_checker_type"];

const form = document.getElementById("request");
const find = (id) => document.getElementById(id);
let photograph = null; // {name, data}: the chosen file, as a data URI

/** What is asked for, without the key and the photograph. */
function fields() {
  const data = new FormData(form);
  const [width, height] = data.get("size").split("x").map(Number);
  const body = {};
  for (const name of TEXTS) if (data.get(name).trim()) body[name] = data.get(name).trim();
  body.width = width;
  body.height = height;
  for (const name of NUMBERS) body[name] = Number(data.get(name));
  const seed = data.get("seed").trim();
  if (seed) body.seed = /^\d+$/.test(seed) ? Number(seed) : seed;
  return body;
}

const faceUrl = () => form.elements.face_url.value.trim();

// ---- the same with curl

const quote = (text) => `'${text.replaceAll("'", () => `'\\''`)}'`;

function showCurl() {
  const inline = photograph && !faceUrl();
  const face_image = inline ? "@FACE@" : faceUrl() || "https://example.com/face.jpg";
  // Both stand outside of the quotes, for the shell to put in; they come before all that was typed.
  let text = JSON.stringify({ key: "@KEY@", face_image, ...fields() }, null, 2)
    .replaceAll("'", () => `'\\''`)
    .replace("@KEY@", () => `'"$KEY"'`);
  if (inline) text = text.replace("@FACE@", () => `'"$(base64 --wrap=0 ${quote(photograph.name)})"'`);
  const url = location.origin + PATH;
  // A photograph is too long for an argument of a program; printf is the shell's own.
  find("curl").textContent = `printf '%s' '${text}' |\n  curl --json @- ${quote(url)}`;
}

find("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(find("curl").textContent);
    find("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(find("curl"));
    find("copy").textContent = "Selected: press Ctrl+C";
  }
  setTimeout(() => (find("copy").textContent = "Copy"), 2000);
});

// ---- the photograph

function choose(file) {
  if (!file) return;
  const reader = new FileReader();
  reader.onload = () => {
    photograph = { name: file.name, data: reader.result };
    form.elements.face_url.value = "";
    find("preview").src = reader.result;
    find("preview").alt = file.name;
    find("preview").hidden = false;
    find("hint").hidden = true;
    showCurl();
  };
  reader.readAsDataURL(file);
}

find("file").addEventListener("change", (event) => choose(event.target.files[0]));
for (const kind of ["dragover", "dragleave", "drop"]) {
  find("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    find("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") choose(event.dataTransfer.files[0]);
  });
}

// ---- the request

async function ask(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return response.json();
}

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** The answer once the pictures are there or will never be. */
async function result(key, body) {
  let answer = await ask(PATH, body);
  while (answer.status === "processing") {
    find("message").textContent = "";
    find("make").textContent = `Waiting, about ${answer.eta} s…`;
    await pause(Math.min(answer.eta ?? 1, 5));
    answer = { meta: answer.meta, ...(await ask(FETCH + answer.id, { key })) };
  }
  return answer;
}

/** The errors of an answer by field; a key is refused by its message alone. */
function fieldErrors({ message, tip, errors }) {
  const isKey = message === "Invalid API key";
  return isKey ? { key: [tip ? "A key is required" : "This is no key of this server"] } : errors;
}

function complain(message, errors = {}) {
  find("message").textContent = message;
  for (const field of form.querySelectorAll("[data-field]")) {
    const name = field.dataset.field;
    const texts = errors[name] ?? (name === "width" ? errors.height : undefined) ?? [];
    field.querySelector(".error").textContent = texts.join(" ");
    for (const input of field.querySelectorAll("input, textarea, select")) {
      input.setAttribute("aria-invalid", String(texts.length > 0));
    }
  }
  form.querySelector("[aria-invalid=true]:not([type=file])")?.focus();
}

function show({ output, meta, generationTime }) {
  const figures = output.map((link, index) => {
    const figure = document.createElement("figure");
    const picture = document.createElement("img");
    Object.assign(picture, { src: link, alt: meta?.prompt ?? "the picture", width: meta?.width ?? 512, height: meta?.height ?? 512 });
    const caption = document.createElement("figcaption");
    const open = document.createElement("a");
    Object.assign(open, { href: link, textContent: "Open", target: "_blank", rel: "noopener" });
    caption.append(open);
    if (meta) caption.append(seedButton((meta.seed + index) % 2 ** 32));
    if (generationTime) caption.append(`${generationTime.toFixed(1)} s`);
    figure.append(picture, caption);
    return figure;
  });
  find("pictures").replaceChildren(...figures);
  // On a narrow screen they are below the form.
  find("pictures").scrollIntoView({ block: "nearest" });
}

function seedButton(seed) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: `Seed ${seed}`, title: "Use this seed again" });
  button.addEventListener("click", () => {
    form.elements.seed.value = seed;
    showCurl();
  });
  return button;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  complain("");
  const key = form.elements.key.value.trim();
  const face_image = faceUrl() || photograph?.data;
  find("make").disabled = true;
  find("make").textContent = "Making…";
  try {
    const answer = await result(key, { key, face_image, ...fields() });
    if (answer.status === "success") show(answer);
    else complain(answer.message ?? "The server gave no answer that this page understands", fieldErrors(answer));
  } catch {
    complain("The server cannot be reached");
  }
  find("make").disabled = false;
  find("make").textContent = "Make pictures";
});

// ---- whether the server is ready

const WORDS = {
  ready: () => "ready",
  loading: ({ component, loaded, components }) => `loading ${component}, ${loaded} of ${components} done`,
  draining: () => "stopping",
  broken: ({ reason }) => reason,
};

async function watchReadiness() {
  let answer;
  try {
    answer = await (await fetch("/readyz")).json();
  } catch {
    answer = { status: "gone" };
  }
  find("readiness").dataset.status = answer.status;
  find("readiness").textContent = WORDS[answer.status]?.(answer) ?? "cannot be reached";
  setTimeout(watchReadiness, answer.status === "ready" ? 10000 : 1000);
}

/** What the models are, and which styles they offer. */
async function showOffer() {
  const offer = await (await fetch("/", { headers: { accept: "application/json" } })).json();
  find("notice").textContent = offer.notice ?? "";
  find("notice").hidden = !offer.notice;
  for (const option of [...form.elements.style.options]) {
    if (!offer.styles.includes(option.value)) option.remove();
  }
}

for (const kind of ["input", "change"]) {
  form.addEventListener(kind, () => {
    for (const output of form.querySelectorAll("output")) output.value = form.elements[output.htmlFor.value].value;
    showCurl();
  });
}
form.dispatchEvent(new Event("input"));
watchReadiness();
// A server that cannot be reached shows as such above.
showOffer().catch(() => {});
