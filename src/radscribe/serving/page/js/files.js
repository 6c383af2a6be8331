// What was dropped or chosen → studies.

const MOST = 8; // views of one study; a folder with more is a collection

/** Files of a drop, folders included: a list of studies, each a list of files. `together`: loose files are one study. */
export async function fromDrop(transfer, together) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const folders = entries.filter((entry) => entry.isDirectory);
  const loose = folders.length ? await Promise.all(entries.filter((entry) => entry.isFile).map(file)) : [...transfer.files];
  const studies = grouped(loose, together);
  for (const folder of folders) studies.push(...await fromFolder(folder));
  return studies;
}

/** Chosen files: one study, or a study each. */
export function grouped(files, together) {
  if (!files.length) return [];
  return together ? [[...files]] : [...files].map((one) => [one]);
}

const file = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

async function fromFolder(folder) {
  const reader = folder.createReader(), entries = [];
  for (let some; (some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length;) entries.push(...some);
  const files = await Promise.all(entries.filter((entry) => entry.isFile && !entry.name.startsWith(".")).map(file));
  files.sort((a, b) => a.name.localeCompare(b.name));
  const studies = grouped(files, files.length <= MOST);
  for (const inner of entries.filter((entry) => entry.isDirectory)) studies.push(...await fromFolder(inner));
  return studies;
}

/** What a study of these files is called in the list. */
export const title = (files) => (files.length === 1 ? files[0].name : `${files[0].name} and ${files.length - 1} more`);
