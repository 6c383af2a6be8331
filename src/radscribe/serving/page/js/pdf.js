// A one-column PDF of text and images (PDF 1.4), small enough to write by hand.
// Text is drawn as pictures of lines where it leaves the letters that PDF's built-in fonts have, so no name is lost.

const PAGE = { width: 595, height: 842, margin: 56 }; // A4 in points
const STYLES = { title: [16, 4, true], small: [9, 6, false], text: [12, 10, false], head: [11, 3, true], row: [10, 1, false] };
const WINDOWS_1252 = new Map([..."€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"].map((letter, i) =>
  [letter, [0x80, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8e, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9e, 0x9f][i]]));

const measure = document.createElement("canvas").getContext("2d");

/** `lines` of [style, text], and after the first two the canvases, as many as can be seen → a PDF as a Blob. */
export async function pdf(lines, canvases) {
  const images = await Promise.all(canvases.filter((canvas) => canvas.clientWidth).map(jpeg)), first = images.length;
  const pages = [[]];
  let y = PAGE.height - PAGE.margin;
  const room = PAGE.width - 2 * PAGE.margin;
  const down = (height) => {
    if (y - height < PAGE.margin) {
      pages.push([]);
      y = PAGE.height - PAGE.margin;
    }
    y -= height;
  };
  const place = (image, x, width, height) => pages.at(-1).push(`q ${width.toFixed(2)} 0 0 ${height.toFixed(2)} ${x.toFixed(2)} ${y.toFixed(2)} cm /I${image} Do Q`);
  const write = async (style, text) => {
    const [size, gap, bold] = STYLES[style];
    if (style === "head") y -= 8;
    for (const line of wrap(text, size, bold, room)) {
      down(1.3 * size);
      const bytes = encode(line);
      if (bytes) pages.at(-1).push(`BT /F${bold ? 2 : 1} ${size} Tf ${PAGE.margin} ${y.toFixed(2)} Td (${bytes}) Tj ET`);
      else {
        const image = await drawn(line, size, bold);
        place(images.push(image) - 1, PAGE.margin, image.width / 4, image.height / 4);
      }
    }
    y -= gap;
  };
  await write(...lines[0]);
  await write(...lines[1]);
  if (first) {
    const each = (room - 8 * (first - 1)) / first;
    const height = Math.min(300, Math.max(...images.slice(0, first).map((image) => (each * image.height) / image.width)));
    down(height + 8);
    for (let i = 0; i < first; i++) {
      const width = Math.min(each, (height * images[i].width) / images[i].height);
      place(i, PAGE.margin + i * (each + 8), width, (width * images[i].height) / images[i].width);
    }
    y -= 12;
  }
  for (const line of lines.slice(2)) await write(...line);
  return assemble(pages, images);
}

function wrap(text, size, bold, room) {
  measure.font = `${bold ? "bold " : ""}${size}px Helvetica, Arial, "Liberation Sans", sans-serif`;
  const lines = [""];
  for (const word of text.split(/\s+/).flatMap((long) => long.match(/.{1,60}/gu) ?? [])) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (measure.measureText(longer).width <= 0.97 * room) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** The line as the inside of a PDF string, or null where WinAnsiEncoding has no such letter. */
function encode(line) {
  let out = "";
  for (const letter of line) {
    const code = WINDOWS_1252.get(letter) ?? letter.codePointAt(0);
    if (code > 255 || (code > 127 && code < 160 && !WINDOWS_1252.has(letter))) return null;
    out += code > 126 || code < 32 || "()\\".includes(letter) ? `\\${code.toString(8).padStart(3, "0")}` : letter;
  }
  return out;
}

async function jpeg(canvas) {
  const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.9); });
  return { width: canvas.width, height: canvas.height, bytes: new Uint8Array(await blob.arrayBuffer()) };
}

function drawn(line, size, bold) {
  const canvas = document.createElement("canvas"), font = `${bold ? "bold " : ""}${4 * size}px sans-serif`;
  measure.font = font;
  canvas.width = Math.ceil(measure.measureText(line).width) + 4;
  canvas.height = Math.ceil(5.2 * size);
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = "#000";
  context.font = font;
  context.fillText(line, 0, 4 * size);
  return jpeg(canvas);
}

/** The objects of the file and the table of where each begins. */
function assemble(pages, images) {
  const parts = [], starts = [];
  let length = 0;
  const put = (part) => { parts.push(part); length += typeof part === "string" ? part.length : part.byteLength; };
  const object = (dictionary, stream) => {
    starts.push(length);
    put(`${starts.length} 0 obj\n${dictionary}\n`);
    if (stream !== undefined) ["stream\n", stream, "\nendstream\n"].forEach(put);
    put("endobj\n");
  };
  put("%PDF-1.4\n");
  const first = 5, pageAt = (i) => first + images.length + 2 * i;
  const named = images.map((_, i) => `/I${i} ${first + i} 0 R`).join(" ");
  object("<< /Type /Catalog /Pages 2 0 R >>");
  object(`<< /Type /Pages /Count ${pages.length} /Kids [${pages.map((_, i) => `${pageAt(i)} 0 R`).join(" ")}] >>`);
  for (const font of ["Helvetica", "Helvetica-Bold"]) object(`<< /Type /Font /Subtype /Type1 /BaseFont /${font} /Encoding /WinAnsiEncoding >>`);
  for (const { width, height, bytes } of images) {
    object(`<< /Type /XObject /Subtype /Image /Width ${width} /Height ${height} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode /Length ${bytes.byteLength} >>`, bytes);
  }
  pages.forEach((commands, i) => {
    const content = commands.join("\n");
    object(`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${PAGE.width} ${PAGE.height}] /Resources << /Font << /F1 3 0 R /F2 4 0 R >> /XObject << ${named} >> >> /Contents ${pageAt(i) + 1} 0 R >>`);
    object(`<< /Length ${content.length} >>`, content);
  });
  const table = length;
  put(`xref\n0 ${starts.length + 1}\n0000000000 65535 f \n${starts.map((start) => `${String(start).padStart(10, "0")} 00000 n \n`).join("")}`);
  put(`trailer\n<< /Size ${starts.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`);
  return new Blob(parts, { type: "application/pdf" });
}
