// Runs in the worker and in Node alike: `make` signs, encrypts and derives with new keys and writes down keys and
// results; `check` takes what the other side wrote down and does the opposite. Gives what did not agree.

const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const bytes = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

const rsa = (name, hash) => ({ name, hash, modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) });
const signing = [
  ...["SHA-1", "SHA-256", "SHA-512"].map((hash) => [{ name: "HMAC", hash }, {}]),
  ...["P-256", "P-384", "P-521"].flatMap((namedCurve) => ["SHA-1", "SHA-384", "SHA-512"].map((hash) => [{ name: "ECDSA", namedCurve }, { hash }])),
  ...["SHA-1", "SHA-256", "SHA-384"].map((hash) => [rsa("RSASSA-PKCS1-v1_5", hash), {}]),
  ...[[0, "SHA-1"], [20, "SHA-256"], [32, "SHA-256"]].map(([saltLength, hash]) => [rsa("RSA-PSS", hash), { saltLength }]),
  [{ name: "Ed25519" }, {}],
];
const sealing = [
  ...[128, 192, 256].map((length) => [{ name: "AES-CBC", length }, { iv: "000102030405060708090a0b0c0d0e0f" }]),
  ...[8, 64, 128].map((bits) => [{ name: "AES-CTR", length: 256 }, { counter: "fffffffffffffffffffffffffffffff0", length: bits }]),
  ...[["000102030405060708090a0b0c0d0e0f", 128], ["000102030405060708090a0b", 96], ["00".repeat(33), 32]].map(([iv, tagLength]) => [{ name: "AES-GCM", length: 192 }, { iv, tagLength, additionalData: "0a0b0c" }]),
  ...["SHA-1", "SHA-256"].map((hash) => [rsa("RSA-OAEP", hash), { label: "0102" }]),
];
const agreeing = [...["P-256", "P-384", "P-521"].map((namedCurve) => ({ name: "ECDH", namedCurve })), { name: "X25519" }];
const stretching = ["SHA-1", "SHA-256", "SHA-384", "SHA-512"].flatMap((hash) => [
  { name: "PBKDF2", hash, salt: "73616c74", iterations: 3 },
  { name: "HKDF", hash, salt: "00", info: "0102" },
]);

/** The algorithm of a call: byte members are written as hexadecimal numbers, so that a case is plain data. */
function callOf(name, parameters) {
  const call = { name, ...parameters };
  for (const member of ["iv", "counter", "additionalData", "label", "salt", "info"]) if (member in call) call[member] = bytes(call[member]);
  return call;
}

const plain = (algorithm) => ({ ...algorithm, publicExponent: undefined });

async function make(subtle) {
  const cases = [];
  const data = "00112233445566778899aabbccddeeff0123";
  for (const [algorithm, parameters] of signing) {
    const made = await subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const [signer, verifier] = [made.privateKey ?? made, made.publicKey ?? made];
    const format = verifier.type === "public" ? "spki" : "raw";
    const result = hex(await subtle.sign(callOf(algorithm.name, parameters), signer, bytes(data)));
    cases.push({ kind: "sign", algorithm: plain(algorithm), parameters, format, key: hex(await subtle.exportKey(format, verifier)), jwk: await subtle.exportKey("jwk", signer), data, result });
  }
  for (const [algorithm, parameters] of sealing) {
    const made = await subtle.generateKey(algorithm, true, ["encrypt", "decrypt"]);
    const [sealer, opener] = [made.publicKey ?? made, made.privateKey ?? made];
    const format = opener.type === "private" ? "pkcs8" : "raw";
    const result = hex(await subtle.encrypt(callOf(algorithm.name, parameters), sealer, bytes(data)));
    cases.push({ kind: "seal", algorithm: plain(algorithm), parameters, format, key: hex(await subtle.exportKey(format, opener)), data, result });
  }
  for (const algorithm of agreeing) {
    const [mine, yours] = [await subtle.generateKey(algorithm, true, ["deriveBits"]), await subtle.generateKey(algorithm, true, ["deriveBits"])];
    const result = hex(await subtle.deriveBits({ name: algorithm.name, public: yours.publicKey }, mine.privateKey, null));
    cases.push({ kind: "agree", algorithm, public: hex(await subtle.exportKey("raw", mine.publicKey)), private: hex(await subtle.exportKey("pkcs8", yours.privateKey)), result });
  }
  for (const algorithm of stretching) {
    const key = await subtle.importKey("raw", bytes(data), algorithm.name, false, ["deriveBits"]);
    cases.push({ kind: "stretch", algorithm, data, result: hex(await subtle.deriveBits(callOf(algorithm.name, algorithm), key, 1000)) });
  }
  const wrapper = await subtle.importKey("raw", bytes(data.slice(0, 32)), "AES-KW", true, ["wrapKey"]);
  const wrapped = await subtle.generateKey({ name: "AES-CBC", length: 256 }, true, ["encrypt"]);
  cases.push({ kind: "wrap", algorithm: { name: "AES-KW" }, data: data.slice(0, 32), key: hex(await subtle.exportKey("raw", wrapped)), result: hex(await subtle.wrapKey("raw", wrapped, wrapper, "AES-KW")) });
  return cases;
}

async function checkCase(subtle, found) {
  const { kind, algorithm, parameters, format, key, data, result } = found;
  const { name } = algorithm;
  switch (kind) {
    case "sign": {
      const verifier = await subtle.importKey(format, bytes(key), algorithm, true, ["verify"]);
      if (!(await subtle.verify(callOf(name, parameters), verifier, bytes(result), bytes(data)))) return "the signature is refused";
      // The private key came as JWK: what it signs here is good there as well.
      const signer = await subtle.importKey("jwk", { ...found.jwk, key_ops: undefined }, algorithm, true, ["sign"]);
      const own = await subtle.sign(callOf(name, parameters), signer, bytes(data));
      return (await subtle.verify(callOf(name, parameters), verifier, own, bytes(data))) ? null : "the key from the JWK signs otherwise";
    }
    case "seal": {
      const opener = await subtle.importKey(format, bytes(key), algorithm, true, ["decrypt"]);
      return hex(await subtle.decrypt(callOf(name, parameters), opener, bytes(result))) === data ? null : "decrypted to other data";
    }
    case "agree": {
      const mine = await subtle.importKey("pkcs8", bytes(found.private), algorithm, true, ["deriveBits"]);
      const peer = await subtle.importKey("raw", bytes(found.public), algorithm, true, []);
      return hex(await subtle.deriveBits({ name, public: peer }, mine, null)) === result ? null : "another shared secret";
    }
    case "stretch": {
      const base = await subtle.importKey("raw", bytes(data), name, false, ["deriveBits"]);
      return hex(await subtle.deriveBits(callOf(name, algorithm), base, 1000)) === result ? null : "other bits";
    }
    default: {
      const wrapper = await subtle.importKey("raw", bytes(data), "AES-KW", true, ["unwrapKey"]);
      const opened = await subtle.unwrapKey("raw", bytes(result), wrapper, "AES-KW", "AES-CBC", true, ["encrypt"]);
      return hex(await subtle.exportKey("raw", opened)) === key ? null : "another key was wrapped";
    }
  }
}

async function check(subtle, cases) {
  const problems = [];
  for (const found of cases) {
    let problem;
    try {
      problem = await checkCase(subtle, found);
    } catch (error) {
      problem = `${error.name}: ${error.message}`;
    }
    if (problem !== null) problems.push(`${found.kind} ${JSON.stringify(found.algorithm)} ${JSON.stringify(found.parameters)}: ${problem}`);
  }
  return { compared: cases.length, problems };
}
