// Compares the global scope with `interfaces` (build.mjs) and prints every difference as one console line
// `Interface.member: what`. Written from Web IDL, section 3.7 "Interfaces".

const findings = new Set();
const found = (subject, what) => findings.add(`${subject}: ${what}`);

const flagsOf = (descriptor) =>
  ["writable", "enumerable", "configurable"].filter((flag) => descriptor[flag]).join(" ") || "no flags";

function expectFlags(subject, descriptor, expected) {
  if (flagsOf(descriptor) !== expected) found(subject, `has ${flagsOf(descriptor)}, not ${expected}`);
}

/** How a call with these arguments and a `this` of another kind ends: "throws" for a TypeError, "rejects", or what else. */
function foreignCall(callee, subject, isPromise, args) {
  let result;
  try {
    result = Reflect.apply(callee, Object.create(null), args);
  } catch (error) {
    if (isPromise) found(subject, "throws for a foreign object instead of rejecting");
    else if (error?.constructor !== TypeError) found(subject, `throws ${error?.name} for a foreign object, not TypeError`);
    return;
  }
  if (!isPromise) {
    found(subject, "accepts a foreign object");
    return;
  }
  if (!(result instanceof Promise)) {
    found(subject, "gives no promise for a foreign object");
    return;
  }
  pending.push(
    result.then(
      () => found(subject, "fulfils for a foreign object"),
      (error) => {
        if (error?.constructor !== TypeError) found(subject, `rejects with ${error?.name} for a foreign object, not TypeError`);
      },
    ),
  );
}

const pending = [];

function checkFunction(subject, callee, name, length) {
  if (typeof callee !== "function") {
    found(subject, `is ${typeof callee}, not a function`);
    return false;
  }
  if (callee.name !== name) found(subject, `has the name "${callee.name}"`);
  if (callee.length !== length) found(subject, `has the length ${callee.length}, not ${length}`);
  let isConstructor = true;
  try {
    Reflect.construct(Object, [], callee);
  } catch {
    isConstructor = false;
  }
  if (isConstructor) found(subject, "can be used as a constructor");
  return true;
}

/** Where a member must be: the interface object, the object itself, or the interface's prototype. */
function holderOf(description, member, object) {
  if (member.isStatic) return object;
  return description.isGlobal ? globalThis : object.prototype;
}

function checkAttribute(subject, member, descriptor) {
  if (descriptor.get === undefined) {
    found(subject, "is not an accessor");
    return;
  }
  expectFlags(subject, descriptor, member.unforgeable ? "enumerable" : "enumerable configurable");
  checkFunction(`${subject} (getter)`, descriptor.get, `get ${member.name}`, 0);
  if (member.settable) {
    if (descriptor.set === undefined) found(subject, "has no setter");
    else checkFunction(`${subject} (setter)`, descriptor.set, `set ${member.name}`, 1);
  } else if (descriptor.set !== undefined) {
    found(subject, "has a setter");
  }
  if (!member.isStatic) foreignCall(descriptor.get, `${subject} (getter)`, member.isPromise === true, []);
  if (!member.isStatic && member.settable && descriptor.set !== undefined) foreignCall(descriptor.set, `${subject} (setter)`, false, [null]);
}

function checkOperation(subject, member, descriptor) {
  expectFlags(subject, descriptor, member.unforgeable ? "enumerable" : "writable enumerable configurable");
  if (checkFunction(subject, descriptor.value, member.name, member.length) && !member.isStatic) {
    foreignCall(descriptor.value, subject, member.isPromise === true, new Array(member.length).fill(""));
  }
}

function checkMember(description, member, object) {
  const holder = holderOf(description, member, object);
  const subject = `${description.name}.${member.kind === "iterator" ? "@@iterator" : member.kind === "asyncIterator" ? "@@asyncIterator" : member.name}`;
  const descriptorOf = (key) => {
    const descriptor = Object.getOwnPropertyDescriptor(holder, key);
    if (descriptor === undefined) found(subject, key in holder ? "is in another place than Web IDL says" : "is missing");
    return descriptor;
  };
  switch (member.kind) {
    case "const":
      for (const place of [object, object.prototype]) {
        const descriptor = Object.getOwnPropertyDescriptor(place, member.name);
        if (descriptor === undefined) found(subject, "is missing");
        else expectFlags(subject, descriptor, "enumerable");
      }
      return;
    case "iterator":
    case "asyncIterator": {
      const descriptor = descriptorOf(member.kind === "iterator" ? Symbol.iterator : Symbol.asyncIterator);
      if (descriptor !== undefined) expectFlags(subject, descriptor, "writable configurable");
      return;
    }
    case "attribute": {
      // An unforgeable attribute is on every object; only those of the global can be looked at without making one.
      if (member.unforgeable && !description.isGlobal) return;
      const descriptor = descriptorOf(member.name);
      if (descriptor !== undefined) checkAttribute(subject, member, descriptor);
      return;
    }
    default: {
      const descriptor = descriptorOf(member.name);
      if (descriptor !== undefined) checkOperation(subject, member, descriptor);
    }
  }
}

function checkInterface(description) {
  const { name, parent, construct } = description;
  if (!(name in globalThis)) {
    found(name, "is missing");
    return;
  }
  const object = globalThis[name];
  expectFlags(name, Object.getOwnPropertyDescriptor(globalThis, name), "writable configurable");
  if (typeof object !== "function") {
    found(name, `is ${typeof object}, not an interface object`);
    return;
  }
  if (object.name !== name) found(name, `has the name "${object.name}"`);
  if (object.length !== (construct ?? 0)) found(name, `has the length ${object.length}, not ${construct ?? 0}`);
  const parentObject = parent === null ? Function.prototype : globalThis[parent];
  const errorLike = name === "DOMException";
  if (Object.getPrototypeOf(object) !== parentObject) found(name, `does not inherit from ${parent ?? "Function.prototype"}`);
  expectFlags(`${name}.prototype`, Object.getOwnPropertyDescriptor(object, "prototype"), "no flags");
  const parentPrototype = errorLike ? Error.prototype : parent === null ? Object.prototype : globalThis[parent]?.prototype;
  if (Object.getPrototypeOf(object.prototype) !== parentPrototype) found(`${name}.prototype`, "has another prototype");
  const own = Object.getOwnPropertyDescriptor(object.prototype, "constructor");
  if (own?.value !== object) found(`${name}.prototype.constructor`, "is not the interface object");
  else expectFlags(`${name}.prototype.constructor`, own, "writable configurable");
  const tag = Object.getOwnPropertyDescriptor(object.prototype, Symbol.toStringTag);
  if (tag?.value !== name) found(`${name}.prototype`, `has the tag "${tag?.value}"`);
  else expectFlags(`${name}.prototype.@@toStringTag`, tag, "configurable");
  for (const [call, how] of [[() => object(), "called without new"], ...(construct === null ? [[() => new object(), "constructed"], [() => new object({}, {}, {}), "constructed"]] : construct > 0 ? [[() => new object(), "constructed without arguments"]] : [])]) {
    try {
      call();
      found(name, `can be ${how}`);
    } catch (error) {
      if (error?.constructor !== TypeError) found(name, `throws ${error?.name} when ${how}, not TypeError`);
    }
  }
  for (const member of description.members) checkMember(description, member, object);
  checkNothingElse(description, object);
}

/** What the specifications do not name is not there either. */
function checkNothingElse(description, object) {
  const names = (isStatic) => new Set(description.members.filter((member) => (member.isStatic ?? false) === isStatic || member.kind === "const").map((member) => member.name));
  if (!description.isGlobal) {
    const known = names(false);
    for (const key of Object.getOwnPropertyNames(object.prototype)) {
      if (key !== "constructor" && !known.has(key)) found(`${description.name}.${key}`, "is in no specification");
    }
  }
  const known = names(true);
  for (const key of Object.getOwnPropertyNames(object)) {
    if (!["length", "name", "prototype"].includes(key) && !known.has(key)) found(`${description.name}.${key}`, "is a static member in no specification");
  }
}

for (const description of interfaces) checkInterface(description);

Promise.all(pending).then(() => {
  for (const finding of [...findings].sort()) console.log(`difference ${finding}`);
  console.log(`compared ${interfaces.length} interfaces`);
});
