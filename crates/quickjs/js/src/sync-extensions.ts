// The extensions of the sync APIs in this worker.

import { facts } from "./boundary.ts";
import { readExtensions } from "./sync-options.ts";

/** What the host has switched on. */
export const extensions = readExtensions(facts.extensions);
