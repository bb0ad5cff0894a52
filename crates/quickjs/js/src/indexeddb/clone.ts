// The clone that IndexedDB uses, whatever a script made of the global function of that name.

export { structuredClone } from "../structured-clone.ts";
