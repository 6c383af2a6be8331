// From dropped or chosen files to studies.

import * as api from "./api.js";

const HEAD = 256 * 1024; // bytes that hold a DICOM header
const AT_ONCE = 50; // files per question
const SKIPPED = /(^|\/)(\.|Thumbs\.db$|desktop\.ini$|DICOMDIR$|__MACOSX\/)/i;

/** All files of a drop, folders included, each with its path as `file.path`. */
export async function fromDrop(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.map(walk))).flat();
}

async function walk(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [Object.assign(file, { path: entry.fullPath.slice(1) })];
  }
  const reader = entry.createReader(), inner = [];
  for (let some; (some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length;) inner.push(...some);
  return (await Promise.all(inner.map(walk))).flat().sort((a, b) => a.path.localeCompare(b.path));
}

const pathOf = (file) => file.path || file.webkitRelativePath || file.name;

/**
 * Files to studies: `{ studies, notes }`. `how` is "auto" (the service groups by DICOM header and known file names; any
 * other file is a study), "each" or "study" (all are one). Notes say what was skipped and what was kept apart.
 */
export async function grouped(given, how) {
  const files = [...given].filter((file) => !SKIPPED.test(pathOf(file))), skipped = given.length - files.length;
  const notes = skipped ? [`${skipped} ${skipped === 1 ? "file that is" : "files that are"} no image skipped`] : [];
  if (!files.length) return { studies: [], notes };
  if (how === "study") return { studies: [files], notes };
  if (how === "each" || files.length === 1) return { studies: files.map((file) => [file]), notes };
  const studies = [];
  for (let at = 0; at < files.length; at += AT_ONCE) {
    const part = files.slice(at, at + AT_ONCE);
    try {
      const { groups, warnings } = await api.groups(part.map((file) => [file.slice(0, HEAD), pathOf(file)]));
      studies.push(...groups.map((group) => group.map((n) => part[n])));
      notes.push(...warnings);
    } catch (error) {
      if (error.status === 401) throw error;
      studies.push(...part.map((file) => [file]));
      notes.push("The service did not group the files: each is a study of its own");
    }
  }
  return { studies, notes };
}

/** What a study of these files is called in the list. */
export const title = (files) => (files.length === 1 ? files[0].name : `${files[0].name} and ${files.length - 1} more`);
