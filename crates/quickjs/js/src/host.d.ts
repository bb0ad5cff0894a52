// The whole boundary between the JavaScript layer (this folder) and the Rust runtime (crates/quickjs/src).
//
// The Rust side puts one object, `__host`, on the global before the bundle is evaluated; the bundle takes it, deletes it
// from the global, and calls `__host.connect(hooks)` once. Only strings, numbers, booleans and ArrayBuffers cross, but for
// values that are cloned.
// `Json` is text made by JSON.stringify: lone surrogates cross as \uD800 escapes, so tags survive unit for unit (R12).
// Every asynchronous operation carries an id drawn by the JavaScript side and ends with exactly one hook call for it.
// Rust calls each hook as one task and runs a microtask checkpoint after it.

type Json = string;

interface Host {
  connect(hooks: Hooks): void;
  /** Runs a part of the layer and gives the function that makes its exports; build.mjs says what parts are. */
  readPart(name: string): (part: (name: string) => object) => object;

  // -- facts, read once --------------------------------------------------------------------------------------------
  // {origin, scriptUrl, scope, registrationId, workerId, workerType, userAgent, language, onLine, isSecureContext, extensions, webMessages,
  //  connectionMessageBytesMax}
  readonly facts: Json;

  // -- structured clones (docs/store-format.md). What cannot be cloned throws a DataCloneError; getters run ------------------
  /** Before anything is cloned: see clone-tools.ts. */
  connectClone(tools: object): void;
  cloneToBytes(value: unknown): ArrayBuffer;
  cloneFromBytes(bytes: ArrayBuffer): unknown;
  /** The same as Base64, for messages. */
  cloneToText(value: unknown): string;
  cloneFromText(text: string): unknown;

  // -- console and errors --------------------------------------------------------------------------------------------
  log(level: "debug" | "log" | "info" | "warn" | "error", text: string): void;
  /** An uncaught exception or unhandled rejection (`kind`), as text with stack. Logged; makes `eval` fail. */
  reportException(kind: "exception" | "rejection", text: string): void;

  // -- time, tasks, randomness -----------------------------------------------------------------------------------------
  /** Milliseconds since the worker's start, monotonic, fractional. */
  now(): number;
  /** After `delayMs` (0 = next task, FIFO among equal times) calls `hooks.timer(id)` as a task. */
  setTimer(id: number, delayMs: number): void;
  clearTimer(id: number): void;
  randomBytes(length: number): ArrayBuffer;
  /** Runs all pending jobs (microtasks) now, from inside a hook: HTML's "clean up after running script", called after each
   *  listener of a host-made event, so that microtasks of a listener still see the event's dispatch flag set (R148).
   *  Never throws because a job threw; if a limit (time, memory) stopped a job it returns, and Rust ends the task. */
  runMicrotasks(): void;

  // -- URL and text (crates `url`, `encoding_rs`) -----------------------------------------------------------------------
  /** WHATWG URL parse. Null on failure. {href, origin, protocol, username, password, host, hostname, port, pathname, search, hash} */
  parseUrl(input: string, base: string | undefined): Json | null;
  /** WHATWG URL setter; gives the same record, unchanged where the setter is a no-op. */
  setUrlPart(href: string, part: "href" | "protocol" | "username" | "password" | "host" | "hostname" | "port" | "pathname" | "search" | "hash", value: string): Json | null;
  utf8Encode(text: string): ArrayBuffer;
  /** Canonical lower-case name of an encoding label, or null (WHATWG Encoding). */
  encodingName(label: string): string | null;
  /** Opens a decoder; `decode` returns null on a fatal error; `last` flushes and frees. */
  decoderOpen(label: string, fatal: boolean, ignoreBom: boolean): number;
  decoderDecode(decoder: number, bytes: ArrayBuffer, offset: number, length: number, last: boolean): string | null;
  decoderClose(decoder: number): void;
  base64Encode?: never; // QuickJS-NG has atob and btoa
  /** Opens a codec of CompressionStream. Failures throw {name, message, hostError: true}. */
  codecOpen(format: "deflate" | "deflate-raw" | "gzip", compress: boolean): number;
  codecWrite(codec: number, bytes: ArrayBuffer, offset: number, length: number, last: boolean): void;
  /** The next part of what came out; empty when there is none before the next `codecWrite`. */
  codecRead(codec: number): ArrayBuffer;
  codecClose(codec: number): void;

  // -- Web Cryptography (crypto/mod.rs) ------------------------------------------------------------------------------------
  /** Ends with `hooks.cryptoSettled(id, …)`; throws {name, message, hostError: true} if the operation cannot be begun. */
  cryptoRun(id: number, order: Json, key: ArrayBuffer, data: ArrayBuffer, extra: ArrayBuffer, more: ArrayBuffer): void;

  // -- importScripts -------------------------------------------------------------------------------------------------------
  /** Evaluates the script in the global scope, synchronously. `url` is absolute. Throws an object {name, message, hostError: true}
   *  when the script could not be loaded (network, MIME: "NetworkError"); the script's own exceptions, and the engine's
   *  SyntaxError, pass through unchanged. */
  importScript(url: string): void;

  // -- fetch ---------------------------------------------------------------------------------------------------------------
  /** head: {method, url, headers: [[name, value]…], mode, credentials, cache, redirect, referrer, referrerPolicy, integrity, keepalive,
   *  destination, unsafeRequest?, writes?, body?}; `unsafeRequest` is true unless it says something else. The body is given whole, or written in parts under the fetch's id (`writes: true`), or one of the
   *  host's own that nobody has begun to read (`body`: its id). Ends with `hooks.fetchHead` or `hooks.fetchFailed`; the body of
   *  the response has the fetch's id. */
  fetch(id: number, head: Json, body: Uint8Array | null): void;
  /** Gives a fetch up, or any body of the host. */
  fetchAbort(id: number): void;

  // -- WebSockets ------------------------------------------------------------------------------------------------------------
  /** Opens a connection; `url` is absolute, ws or wss; protocols: array of subprotocols. The `socket…` hooks tell what becomes of it. */
  socketOpen(id: number, url: string, protocols: Json): void;
  /** Each gives the bytes of the message; negative, and one less, if there was no room for them: then the connection has failed. */
  socketSendText(id: number, text: string): number;
  socketSendBytes(id: number, bytes: Uint8Array): number;
  /** Says goodbye when what was sent before is gone, or gives up a connection that is not open yet. */
  socketClose(id: number, code: number | null, reason: string): void;

  // -- bodies in parts -------------------------------------------------------------------------------------------------------
  /** The next part; null at the end; false if there is none yet: `hooks.bodyReadable` follows. Throws if the body broke off. */
  bodyPull(id: number): ArrayBuffer | null | false;
  /** True if there is room for more, false if not: `hooks.bodyWritable` follows; null if nobody reads it any more. */
  bodyWrite(id: number, part: Uint8Array): boolean | null;
  bodyEnd(id: number, error: string | null): void;
  /** The streamed body of an event's request can be read under this id. */
  eventBodyAdopt(event: number, id: number): void;
  /** The answer of a navigation that was sent ahead comes as that of a fetch with this id. */
  eventPreloadAdopt(event: number, id: number): void;
  /** `respondWith` was called: nothing of the request's body has to be kept for the network. */
  eventBodyCommit(event: number): void;

  // -- events handed to the script: each ends with exactly one of these per id -------------------------------------------
  /** `handled`: there was a listener. `rejection`: why the event failed, or null if it did not. */
  eventEnded(id: number, handled: boolean, rejection: string | null): void;
  /** For a `fetch` event: called at most once, before `eventEnded`. `head` null = not handled, go to the network.
   *  head: {status, statusText, headers, writes?, body?} with a body as in `fetch`, except that `writes` is
   *  the id under which it is written; or {error: string} for a network error. */
  fetchRespond(id: number, head: Json | null, body: Uint8Array | null): void;

  // -- registration and sync ------------------------------------------------------------------------------------------------
  /** Each ends with `hooks.settled(id, error, value)`. */
  /** options: {powerState, networkState, minDelay?, maxDelay?}. */
  syncRegister(id: number, tag: Json, options: Json): void;
  /** options: {minInterval, powerState, networkState}. */
  periodicSyncRegister(id: number, tag: Json, options: Json): void;
  syncGetTags(id: number, type: "sync" | "periodicsync"): void; // value: Json array of strings
  syncUnregister(id: number, type: "sync" | "periodicsync", tag: Json): void; // value: whether there was an entry
  syncRegistrations(id: number, type: "sync" | "periodicsync"): void; // value: Json array of {tag, minInterval?, powerState, networkState}
  permissionState(id: number, name: "background-sync" | "periodic-background-sync" | "notifications"): void; // value: "granted" | "denied" | "prompt"
  skipWaiting(id: number): void;
  clientsClaim(id: number): void;
  clientsMatchAll(id: number, options: Json): void; // {includeUncontrolled, type}; value: Json array of ClientInfo
  clientsGet(id: number, clientId: string): void; // value: ClientInfo or null
  clientsOpenWindow(id: number, url: string): void;
  registrationUpdate(id: number): void;
  registrationUnregister(id: number): void; // value: boolean
  /** data: from `cloneToText`; ports: array of the numbers of ports that go with it. Fire and forget, in order. */
  postMessageToClient(clientId: string, data: Json, ports: Json): void;
  /** The permission of the origin, as the host knows it at this moment. */
  notificationPermission(): "granted" | "denied" | "prompt";
  /** record: the `Options` of notifications.ts. Durable when it returns; throws {name, message, hostError: true}. */
  notificationShow(record: Json): void;
  /** Those of this registration: array of {id, options}. */
  notificationList(): Json;
  notificationClose(id: number): void;
  /** Web Locks: what becomes of the request is told by `hooks.lockTold`; throws {name, message, hostError: true}. */
  lockRequest(id: number, name: Json, exclusive: boolean, manner: "wait" | "ifAvailable" | "steal"): void;
  /** Releases a lock, or gives up a request. */
  lockRelease(id: number): void;
  /** A LockManagerSnapshot. */
  lockQuery(): Json;
  /** Two ports of the host that are the ends of one channel, as an array; throws {name, message, hostError: true}. Ports are the
   *  host's if their two ends are not in one worker; see messaging.ts. */
  portChannel(): Json;
  /** Sends a message through a port; the ports are gone from here. */
  portPost(port: number, data: Json, ports: Json): void;
  /** From now on `hooks.portMessage` tells what comes. */
  portStart(port: number): void;
  /** The opposite. */
  portStop(port: number): void;
  portClose(port: number): void;
  /** From now on this worker hears `hooks.broadcast`. */
  broadcastOpen(): void;
  /** To every other running worker of the origin that has a BroadcastChannel, and to its pages. */
  broadcast(name: Json, data: Json): void;
  postMessageToWorker(workerId: number, data: Json, ports: Json): void;
  /** null leaves a part as it is. Ends with `settled`. */
  navigationPreloadSet(id: number, enabled: boolean | null, header: string | null): void;
  /** {enabled, headerValue} */
  navigationPreloadState(): Json;
  /** Current states of the registration's workers: {installing, waiting, active: null | {id, scriptUrl, state}}. */
  registrationState(): Json;
  /** `chrome.webview.postMessage(message)`: JSON text for the host program (R221). */
  postWebMessage(json: Json): void;

  // -- Cache API (durable when the call returns). Names as JSON text. Failures throw {name, message, hostError: true} --------
  /** Opens a cache, making it if needed; the handle is given back by `cacheRelease`. */
  cacheOpen(name: Json): number;
  cacheRelease(cache: number): void;
  cacheNames(): Json;
  cacheHas(name: Json): boolean;
  cacheDrop(name: Json): boolean;
  /** query: {request: {url, method, headers} | null, ignoreMethod, ignoreSearch, ignoreVary, first, keysOnly}. Gives an array of
   *  {request, response, body: {id, bytes} | null}; each body is given back by `cacheBodyRelease`. With keysOnly: {request}. */
  cacheQuery(cache: number, query: Json): Json;
  /** The same in all caches, in the order of their creation, or in the one of that name. */
  cacheQueryAll(name: Json | null, query: Json): Json;
  cacheDelete(cache: number, query: Json): boolean;
  /** entries: [{request, response, writer: number | null}]. All or none; the writers end in either case. */
  cachePut(cache: number, entries: Json): void;
  cacheBodyCreate(): number;
  cacheBodyWrite(writer: number, part: ArrayBuffer): void;
  cacheBodyDiscard(writer: number): void;
  /** The next part; empty at the end. */
  cacheBodyRead(body: number, offset: number): ArrayBuffer;
  cacheBodyRelease(body: number): void;
  /** {usage, quota} */
  storageEstimate(): Json;

  // -- IndexedDB. Failures throw {name, message, hostError: true}. Names and key paths as JSON text; a key is a JSON array of
  // its parts (indexeddb/keys.ts); a range is {lower, upper, lowerOpen, upperOpen} --------------------------------------------
  /** Array of {name, version}. */
  idbDatabases(): Json;
  /** Each ends, after `hooks.idbNotice` of what happens in between, with a notice for the id. */
  idbOpen(id: number, name: Json, version: number | null): void;
  idbDeleteDatabase(id: number, name: Json): void;
  /** The `versionchange` event was fired. */
  idbVersionChangeFired(connection: number): void;
  idbClose(connection: number): void;
  /** The transaction's id; negative if it must wait for the notice `started`. */
  idbBegin(connection: number, stores: Json, mode: "readonly" | "readwrite", strict: boolean): number;
  /** Durable when it returns; a failure means that everything was undone. */
  idbCommit(transaction: number): void;
  idbAbort(transaction: number): void;
  /** scan: {store, index, range or only: key, direction, start: {key, primaryKey, after}, skip, limit, values}; only `store` must
   *  be there. Gives the JSON of an array of [key, primaryKey or null if it is the key], and with `values` the value of each. */
  idbScan(transaction: number, scan: Json): [Json, ...unknown[]];
  idbCount(transaction: number, source: Json): number;
  idbGenerateKey(transaction: number, store: number): number;
  /** entries: array of {index, keys}, or null. */
  idbPut(transaction: number, store: number, key: Json, value: ArrayBuffer, entries: Json | null, overwrite: boolean): void;
  idbDelete(transaction: number, store: number, range: Json): void;
  idbCreateStore(transaction: number, name: Json, keyPath: Json | null, autoIncrement: boolean): number;
  idbDeleteStore(transaction: number, store: number): void;
  idbRenameStore(transaction: number, store: number, name: Json): void;
  idbCreateIndex(transaction: number, store: number, name: Json, keyPath: Json, unique: boolean, multiEntry: boolean): number;
  idbDeleteIndex(transaction: number, index: number): void;
  idbRenameIndex(transaction: number, index: number, name: Json): void;
  idbIndexRecord(transaction: number, store: number, key: Json, index: number, keys: Json): void;
  /** Asks for one call of `hooks.microtasksDone` at the end of this task. */
  idbWantCleanUp(): void;
}

interface ClientInfo {
  id: string;
  url: string;
  type: "window" | "worker" | "sharedworker";
  frameType: "auxiliary" | "top-level" | "nested" | "none";
  visibilityState: "visible" | "hidden";
  focused: boolean;
  ancestorOrigins: string[];
}

interface Hooks {
  timer(id: number): void;
  /** Ends an asynchronous operation: error {name, message} as Json, or null and the value as Json (may be "null" or ""). */
  settled(id: number, error: Json | null, value: Json | null): void;

  /** Ends `cryptoRun`: error {name, message} as Json alone, or null, facts as Json, and up to two results. */
  cryptoSettled(id: number, error: Json | null, info?: Json, first?: ArrayBuffer | null, second?: ArrayBuffer | null): void;

  /** head: {status, statusText, url, redirected, headers, type}; type: "basic" | "cors" | "opaque" | "opaqueredirect". For the
   *  opaque types give the real status, headers and body: this side hides them from the script. */
  fetchHead(id: number, head: Json): void;
  fetchFailed(id: number, message: string): void; // before the head only
  /** A body that was handed on has come to its end. */
  fetchOver(id: number): void;
  socketOpened(id: number, protocol: string): void;
  socketMessage(id: number, data: string | ArrayBuffer): void;
  /** So many bytes of messages are on their way to the server. */
  socketSent(id: number, bytes: number): void;
  /** The last hook of a connection. */
  socketClosed(id: number, clean: boolean, failed: boolean, code: number, reason: string): void;
  bodyReadable(id: number): void;
  /** There is room for more; or, with `wanted` false, nobody reads any more. */
  bodyWritable(id: number, wanted: boolean): void;
  /** The page does not want the answer to a `fetch` event any more. */
  fetchEventAborted(id: number): void;

  /** Event types with at least one listener (read after the first evaluation). */
  listenedTypes(): Json;
  /** Dispatches a trusted event. `type`: install, activate, sync, periodicsync, message, messageerror, push, notificationclick,
   *  notificationclose, fetch. `init` by type: push {} with its data as body; notificationclick and notificationclose {notification: {id, options}, action};
   *  sync {tag, lastChance, registration?}; periodicsync {tag, registration?}, where the registration is as syncRegistrations gives
   *  it, and there only if the host has switched the older explainer's options on; message {data, ports, origin, source: ClientInfo | {workerId, scriptUrl, state} | null};
   *  fetch {method, url, headers, mode, credentials, redirect, referrer, destination, cache, clientId, resultingClientId, streams, preloads} with body; with `streams` it comes in parts: `eventBodyAdopt`. */
  dispatch(id: number, type: string, init: Json, body: ArrayBuffer | null): void;
  /** The time limit of an event has passed: set its timed-out flag (R89). */
  timedOut(id: number): void;
  /** The state of a worker of this registration changed, or a new one appeared: same record as registrationState(). */
  registrationChanged(state: Json): void;
  onLineChanged(onLine: boolean): void;
  /** A permission of the origin changed (R134). */
  permissionChanged(name: string, state: "granted" | "denied" | "prompt"): void;
  lockTold(id: number, verdict: "granted" | "unavailable" | "aborted" | "stolen"): void;
  /** A message for a port, with the numbers of the ports that came with it. */
  portMessage(id: number, data: Json, ports: Json): void;
  /** The other end of a port is gone. */
  portClosed(id: number): void;
  /** A message for the BroadcastChannels of that name. */
  broadcast(name: Json, data: Json): void;
  /** A message of the host program for `chrome.webview` (R221). */
  webMessage(json: Json): void;
  /** {kind: "opened" | "upgradeNeeded" | "blocked" | "deleted" | "failed" | "versionChange" | "started" | "closed", …}; see
   *  indexeddb/factory.ts. */
  idbNotice(notice: Json): void;
  /** The microtasks of a task have run, and `idbWantCleanUp` was called. */
  microtasksDone(): void;
  /** Rust's unhandled-rejection tracker: dispatch `unhandledrejection`, then reportException unless prevented. */
  unhandledRejection(reason: unknown, promise: Promise<unknown>): void;
}
