// The request of the form as code that sends the very same one.

/** @typedef {import("./photo.js").Photo} Photo */
/** @typedef {{url: string, photo: Photo | null, values: Record<string, string | number | boolean>}} Request */

const EXAMPLE = "https://example.com/face.jpg";

/** The link of a request that does not read a file. @param {Request} request */
const linkOf = ({ photo }) => (photo?.kind === "link" ? photo.url : EXAMPLE);

// ---- curl, in a POSIX shell

/** @param {string} text */
const escaped = (text) => text.replaceAll("'", "'\\''");

/** @param {string} text */
const quoted = (text) => `'${escaped(text)}'`;

/** @param {Request} request */
function curl(request) {
  const { url, photo, values } = request;
  const isFile = photo?.kind === "file";
  // A photo is too long for an argument of a program; printf is the shell's own.
  const read = isFile ? `"'"$(base64 < ${quoted(photo.name)} | tr -d '\\n')"'"` : escaped(JSON.stringify(linkOf(request)));
  const rest = escaped(JSON.stringify(values, null, 2).slice(1));
  return `printf '%s' '{
  "face_image": ${read},${rest}' |
  curl --silent --show-error --data-binary @- \\
    --header 'Content-Type: application/json' --header "key: $FACEGEN_API_KEY" \\
    ${quoted(url)}
`;
}

// ---- Python, with nothing but its own library

/** @param {unknown} value */
function pythonLiteral(value) {
  if (typeof value === "boolean") return value ? "True" : "False";
  return JSON.stringify(value);
}

/** @param {Request} request */
function python(request) {
  const { url, photo, values } = request;
  const isFile = photo?.kind === "file";
  const entries = Object.entries(values).map(([name, value]) => `    ${pythonLiteral(name)}: ${pythonLiteral(value)},\n`);
  const read = isFile
    ? `with open(${pythonLiteral(photo.name)}, "rb") as file:\n    face_image = base64.b64encode(file.read()).decode()\n`
    : `face_image = ${pythonLiteral(linkOf(request))}\n`;
  return `${isFile ? "import base64\n" : ""}import json
import os
import urllib.request

${read}body = {
    "face_image": face_image,
${entries.join("")}}
request = urllib.request.Request(
    ${pythonLiteral(url)},
    data=json.dumps(body).encode(),
    headers={"Content-Type": "application/json", "key": os.environ["FACEGEN_API_KEY"]},
)
with urllib.request.urlopen(request) as response:
    print(response.read().decode())
`;
}

// ---- JavaScript, for Node.js

/** @param {Request} request */
function javascript(request) {
  const { url, photo, values } = request;
  const isFile = photo?.kind === "file";
  const entries = Object.entries(values).map(([name, value]) => `    ${name}: ${JSON.stringify(value)},\n`);
  const read = isFile ? `await readFile(${JSON.stringify(photo.name)}, "base64")` : JSON.stringify(linkOf(request));
  return `${isFile ? 'import { readFile } from "node:fs/promises";\n\n' : ""}const face_image = ${read};
const response = await fetch(${JSON.stringify(url)}, {
  method: "POST",
  headers: { "Content-Type": "application/json", key: process.env.FACEGEN_API_KEY },
  body: JSON.stringify({
    face_image,
${entries.join("")}  }),
});
console.log(await response.text());
`;
}

/** @type {Record<string, (request: Request) => string>} */
export const LANGUAGES = { curl, python, javascript };
