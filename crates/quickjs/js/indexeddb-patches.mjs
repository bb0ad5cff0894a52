// What our runtime needs of fake-indexeddb: our own Event and EventTarget, our own task queue and structured clone, and a
// commit that can fail before `complete` is fired. The build fails if a new version no longer has the patched places.

/** Modules of fake-indexeddb for which src/indexeddb/ has its own. */
export const replacedModules = new Map([
  ["lib/scheduling.js", "scheduling.ts"],
  ["lib/FakeEventTarget.js", "event-target.ts"],
  ["lib/FakeEvent.js", "event.ts"],
  ["FDBVersionChangeEvent.js", "version-change-event.ts"],
  ["lib/errors.js", "errors.ts"],
]);

const JOURNAL = "wakeworker:journal";

/** file → imports to add, and pairs of (text, replacement); each text must occur exactly once. */
const edits = new Map([
  [
    "FDBTransaction.js",
    {
      imports: `import { abortJournal, beginTransaction, commitJournal } from "${JOURNAL}";\n`,
      pairs: [
        ["  _start() {\n    this._started = true;\n", "  _start() {\n    if (!this._started && !beginTransaction(this)) return;\n    this._started = true;\n"],
        ["      // Either aborted or committed already\n", "      if (!commitJournal(this)) return;\n"],
        ["      f();\n    }\n    if (errName", "      f();\n    }\n    abortJournal(this);\n    if (errName"],
        ["        if (!event.canceled) {\n", "        if (!event.defaultPrevented) {\n"],
        // Listeners that throw abort the transaction, so these two must know.
        ["            try {\n              request.dispatchEvent(event);\n", "            try {\n              fireOrThrow(request, event);\n"],
        ["          event.eventPath = [this.db, this];\n          request.dispatchEvent(event);\n", "          setPath(event, [this.db, this]);\n          fireOrThrow(request, event);\n"],
      ],
    },
  ],
  [
    "FDBFactory.js",
    {
      imports: `import { deleteDurable, listDurable, loadDatabase, newDatabase } from "${JOURNAL}";\nimport { pollLater } from "wakeworker:scheduling";\n`,
      pairs: [
        ["    queueTask(() => waitForOthersClosedDelete(databases, name, openDatabases, cb));", "    pollLater(() => waitForOthersClosedDelete(databases, name, openDatabases, cb));"],
        ["        queueTask(waitForOthersClosed);", "        pollLater(waitForOthersClosed);"],
        ["        request.dispatchEvent(event);\n      } catch (_err) {", "        fireOrThrow(request, event);\n      } catch (_err) {"],
        [
          "      let db = databases.get(name);\n      if (db === undefined) {",
          "      let db;\n      try {\n        db = loadDatabase(name, databases.get(name)) ?? newDatabase(name);\n      } catch (error) {\n        return onComplete(error);\n      }\n      databases.set(name, db);\n      if (db === undefined) {",
        ],
        [
          "      const db = databases.get(name);\n      const oldVersion = db !== undefined ? db.version : 0;\n      const onComplete = err => {\n        try {\n          if (err) {\n            cb(err);\n          } else {\n            cb(null, oldVersion);",
          "      let oldVersion = 0;\n      const onComplete = err => {\n        try {\n          if (err) {\n            cb(err);\n          } else {\n            cb(null, oldVersion);",
        ],
        [
          "      try {\n        const db = databases.get(name);\n",
          "      try {\n        const db = loadDatabase(name, databases.get(name));\n        if (db !== undefined) oldVersion = db.version;\n",
        ],
        [
          "  databases.delete(name);\n  cb(null);",
          "  try {\n    deleteDurable(name);\n  } catch (error) {\n    cb(error);\n    return;\n  }\n  databases.delete(name);\n  cb(null);",
        ],
        ["  databases() {\n    return Promise.resolve(", "  databases() {\n    return listDurable() ?? Promise.resolve("],
      ],
    },
  ],
]);

/** The text of a file of the package as our bundle has it. */
export function patch(name, original) {
  const edit = edits.get(name);
  let text = original;
  for (const [from, to] of edit?.pairs ?? []) {
    if (text.split(from).length !== 2) {
      throw new Error(`fake-indexeddb/${name}: expected this text exactly once; adapt indexeddb-patches.mjs to the new version:\n${from}`);
    }
    text = text.replace(from, () => to);
  }
  let imports = edit?.imports ?? "";
  // Event handler attributes are accessors on our prototypes; fields of the same names would hide them.
  text = text.replace(/^ {2}on[a-z]+ = null;$/gm, "");
  text = text.replace(/(\w+)\.eventPath = (\[.*?\]);/g, "setPath($1, $2);").replace(/(\w+)\.dispatchEvent\((\w+)\);/g, "fire($1, $2);");
  if (/\b(setPath|fire|fireOrThrow)\(/.test(text)) imports += 'import { fire, fireOrThrow, setPath } from "wakeworker:event";\n';
  if (/\bstructuredClone\(/.test(text)) imports += 'import { structuredClone } from "wakeworker:clone";\n';
  return imports + text;
}
