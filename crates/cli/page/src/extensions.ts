// The extensions of the sync APIs that the host has switched on, read from the tag that loads this script.

import { readExtensions } from "../../../quickjs/js/src/sync-options.ts";

const tag = document.currentScript;
const names = tag instanceof HTMLScriptElement ? (tag.dataset["extensions"] ?? "").split(" ") : [];

/** What is on. */
export const extensions = {
  ...readExtensions(names),
  /** `syncdone` events (R248). */
  syncDone: names.includes("sync-done"),
};
