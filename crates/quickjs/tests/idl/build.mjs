// Prints a script that defines `interfaces`: the shape that Web IDL gives to every interface of the specifications
// below which a ServiceWorkerGlobalScope exposes. Partial interfaces and mixins are merged in. `node build.mjs window NAME…`
// gives those with these names as a Window exposes them.

import { parseAll } from "@webref/idl";

const SPECIFICATIONS = [
  "FileAPI", "IndexedDB", "background-sync", "compression", "console", "dom", "encoding", "entries-api", "fetch", "hr-time", "html", "notifications",
  "performance-timeline", "periodic-background-sync", "permissions", "push-api", "service-workers", "storage", "streams", "url", "urlpattern",
  "user-timing", "web-locks", "webcrypto", "webcrypto-secure-curves", "webidl", "websockets", "xhr",
];

const [scope, ...wanted] = process.argv.slice(2);
const isWanted = (name) => scope !== "window" || wanted.includes(name);
const GLOBALS = scope === "window" ? ["Window", "*"] : ["Worker", "ServiceWorker", "*"];

const attributesOf = (node) => new Map((node.extAttrs ?? []).map((attribute) => [attribute.name, attribute]));

/** Whether `[Exposed]` lets the scope see it; without the attribute, what contains it decides. */
function isExposed(node, otherwise) {
  const exposed = attributesOf(node).get("Exposed");
  if (exposed === undefined) return otherwise;
  const { rhs } = exposed;
  if (rhs === null || rhs.type === "*") return true;
  const names = Array.isArray(rhs.value) ? rhs.value.map(({ value }) => value) : [rhs.value];
  return names.some((name) => GLOBALS.includes(name));
}

const required = (list) => list.filter((argument) => !argument.optional && !argument.variadic).length;

const isPromise = (type) => type?.generic === "Promise";

const pair = (key, value) => (value ? { [key]: value } : {});

const iteration = ["entries", "keys", "values"].map((name) => ({ kind: "operation", name, length: 0 }));

function describeMember(member) {
  const attributes = attributesOf(member);
  const common = { ...pair("isStatic", member.special === "static"), ...pair("unforgeable", attributes.has("LegacyUnforgeable")) };
  switch (member.type) {
    case "const":
      return [{ kind: "const", name: member.name }];
    case "attribute": {
      const settable = !member.readonly || attributes.has("Replaceable") || attributes.has("PutForwards") || attributes.has("LegacyLenientSetter");
      const attribute = { kind: "attribute", name: member.name, ...pair("settable", settable), ...pair("isPromise", isPromise(member.idlType)), ...common };
      return member.special === "stringifier" ? [attribute, { kind: "operation", name: "toString", length: 0 }] : [attribute];
    }
    case "operation":
      if (member.special === "stringifier") return [{ kind: "operation", name: "toString", length: 0 }];
      if (!member.name) return [];
      return [{ kind: "operation", name: member.name, length: required(member.arguments), ...pair("isPromise", isPromise(member.idlType)), ...common }];
    case "iterable":
      return [...iteration, { kind: "operation", name: "forEach", length: 1 }, { kind: "iterator" }];
    case "async_iterable":
      return [...(member.idlType.length === 2 ? iteration : iteration.slice(2)), { kind: "asyncIterator" }];
    case "maplike":
    case "setlike":
      throw new Error(`${member.type} is not described; teach build.mjs`);
    default:
      return [];
  }
}

/** Overloads are one member: its length is that of the shortest. */
function mergeOverloads(members) {
  const merged = new Map();
  for (const member of members) {
    const key = `${member.kind} ${member.name} ${member.isStatic ?? false}`;
    const other = merged.get(key);
    if (other === undefined) merged.set(key, member);
    else if (member.kind === "operation") other.length = Math.min(other.length, member.length);
  }
  return [...merged.values()];
}

const trees = await parseAll();
const nodes = SPECIFICATIONS.flatMap((name) => {
  if (trees[name] === undefined) throw new Error(`@webref/idl has no specification "${name}"`);
  return trees[name];
});
const mixins = new Map();
for (const node of nodes) {
  if (node.type === "interface mixin") mixins.set(node.name, [...(mixins.get(node.name) ?? []), node]);
}

const described = new Map();
for (const node of nodes) {
  if (node.type !== "interface" || node.partial || !isExposed(node, false) || !isWanted(node.name)) continue;
  const attributes = attributesOf(node);
  if (attributes.has("LegacyNoInterfaceObject")) continue;
  const constructors = node.members.filter(({ type }) => type === "constructor");
  described.set(node.name, {
    name: node.name,
    parent: node.inheritance,
    construct: constructors.length === 0 ? null : Math.min(...constructors.map((constructor) => required(constructor.arguments))),
    isGlobal: attributes.has("Global"),
    members: [],
  });
}
const include = (name, holder) => {
  const target = described.get(name);
  if (target === undefined || !isExposed(holder, true)) return;
  for (const member of holder.members) if (isExposed(member, true)) target.members.push(...describeMember(member));
};
for (const node of nodes) {
  if (node.type === "interface") include(node.name, node);
  if (node.type === "includes") for (const mixin of mixins.get(node.includes) ?? []) include(node.target, mixin);
}
for (const description of described.values()) description.members = mergeOverloads(description.members);

process.stdout.write(`const interfaces = ${JSON.stringify([...described.values()])};\n`);
