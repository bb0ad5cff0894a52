// IndexedDB's objects are ordinary event targets.

export { EventTarget as default } from "../event-target.ts";
