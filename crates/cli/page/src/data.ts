// Structured clone, as text: the serialiser that the worker's side uses too.

export { deserialize, serialize } from "../../../quickjs/js/src/clone.ts";
