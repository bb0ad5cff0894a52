// crypto.subtle (Web Cryptography Level 2). Numbers are from FIPS 180-4, RFC 4231, RFC 5869, RFC 6070, SP 800-38A/38D, RFC 3394,
// RFC 7748 and RFC 8032.

const { subtle } = crypto;
const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const bytes = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const utf8 = (text) => new TextEncoder().encode(text);
const raw = (key, algorithm, usages) => subtle.importKey("raw", key, algorithm, true, usages);

test("digest", async () => {
  const abc = utf8("abc");
  assertEquals(hex(await subtle.digest("SHA-1", abc)), "a9993e364706816aba3e25717850c26c9cd0d89d");
  assertEquals(hex(await subtle.digest({ name: "sha-256" }, abc.buffer)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assertEquals(hex(await subtle.digest("SHA-384", abc)).slice(0, 32), "cb00753f45a35e8bb5a03d699ac65007");
  assertEquals(hex(await subtle.digest("SHA-512", abc)).slice(0, 32), "ddaf35a193617abacc417349ae204131");
  // Beyond 64 KiB the work is done beside the worker; the bytes are those of the moment of the call.
  const large = new Uint8Array(200_000).fill(97);
  const promise = subtle.digest("SHA-256", large);
  large.fill(0);
  const same = await subtle.digest("SHA-256", new Uint8Array(200_000).fill(97));
  assertEquals(hex(await promise), hex(same));
  await assertRejects("NotSupportedError", () => subtle.digest("MD5", abc));
  await assertRejects(TypeError, () => subtle.digest("SHA-1", "abc"));
  await assertRejects(TypeError, () => subtle.digest("SHA-1"));
  await assertRejects(TypeError, () => subtle.digest({}, abc));
});

test("HMAC", async () => {
  const key = await raw(utf8("Jefe"), { name: "HMAC", hash: "SHA-256" }, ["sign", "verify"]);
  const data = utf8("what do ya want for nothing?");
  const signature = await subtle.sign("HMAC", key, data);
  assertEquals(hex(signature), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  assertEquals(await subtle.verify("HMAC", key, signature, data), true);
  assertEquals(await subtle.verify("HMAC", key, signature.slice(1), data), false);
  assertDeepEquals(key.algorithm, { name: "HMAC", length: 32, hash: { name: "SHA-256" } });
  const generated = await subtle.generateKey({ name: "HMAC", hash: "SHA-512" }, false, ["sign"]);
  assertEquals(generated.algorithm.length, 1024);
  await assertRejects("InvalidAccessError", () => subtle.exportKey("raw", generated));
  await assertRejects("InvalidAccessError", () => subtle.verify("HMAC", generated, signature, data));
  await assertRejects("SyntaxError", () => subtle.generateKey({ name: "HMAC", hash: "SHA-1" }, true, []));
  await assertRejects("SyntaxError", () => subtle.generateKey({ name: "HMAC", hash: "SHA-1" }, true, ["encrypt"]));
  await assertRejects(TypeError, () => subtle.generateKey({ name: "HMAC" }, true, ["sign"]));
  await assertRejects(TypeError, () => subtle.generateKey({ name: "HMAC", hash: "SHA-1" }, true, ["whatever"]));
});

test("AES-GCM with initialization vectors and tags of every length", async () => {
  const key = await raw(bytes("feffe9928665731c6d6a8f9467308308"), "AES-GCM", ["encrypt", "decrypt"]);
  const plain = bytes(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
  );
  const additionalData = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const usual = { name: "AES-GCM", iv: bytes("cafebabefacedbaddecaf888"), additionalData };
  const encrypted = hex(await subtle.encrypt(usual, key, plain));
  assertEquals(encrypted.slice(0, 32), "42831ec2217774244b7221b784d0d49c");
  assertEquals(encrypted.slice(-32), "5bc94fbc3221a5db94fae95ae7121a47");
  const short = { name: "AES-GCM", iv: bytes("cafebabefacedbad"), additionalData };
  const other = hex(await subtle.encrypt(short, key, plain));
  assertEquals(other.slice(0, 32), "61353b4c2806934a777ff51fa22a4755");
  assertEquals(other.slice(-32), "3612d2e79e3b0785561be14aaca2fccb");
  for (const tagLength of [32, 64, 96, 104, 112, 120, 128]) {
    const sealed = await subtle.encrypt({ ...usual, tagLength }, key, plain);
    assertEquals(sealed.byteLength, plain.length + tagLength / 8);
    assertEquals(hex(await subtle.decrypt({ ...usual, tagLength }, key, sealed)), hex(plain));
    new Uint8Array(sealed)[3] ^= 1;
    await assertRejects("OperationError", () => subtle.decrypt({ ...usual, tagLength }, key, sealed));
  }
  await assertRejects("OperationError", () => subtle.encrypt({ ...usual, tagLength: 100 }, key, plain));
  await assertRejects("OperationError", () => subtle.decrypt(usual, key, new Uint8Array(15)));
  await assertRejects(TypeError, () => subtle.encrypt("AES-GCM", key, plain));
  await assertRejects("InvalidAccessError", () => subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(16) }, key, plain));
});

test("AES-CBC and AES-CTR", async () => {
  const material = bytes("2b7e151628aed2a6abf7158809cf4f3c");
  const iv = bytes("000102030405060708090a0b0c0d0e0f");
  const plain = bytes("6bc1bee22e409f96e93d7e117393172a");
  const cbc = await raw(material, "AES-CBC", ["encrypt", "decrypt"]);
  const encrypted = await subtle.encrypt({ name: "AES-CBC", iv }, cbc, plain);
  assertEquals(encrypted.byteLength, 32);
  assertEquals(hex(encrypted).slice(0, 32), "7649abac8119b246cee98e9b12e9197d");
  assertEquals(hex(await subtle.decrypt({ name: "AES-CBC", iv }, cbc, encrypted)), hex(plain));
  await assertRejects("OperationError", () => subtle.decrypt({ name: "AES-CBC", iv }, cbc, encrypted.slice(1)));
  await assertRejects("OperationError", () => subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(12) }, cbc, plain));
  const ctr = await raw(material, "AES-CTR", ["encrypt", "decrypt"]);
  const counter = bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
  assertEquals(hex(await subtle.encrypt({ name: "AES-CTR", counter, length: 64 }, ctr, plain)), "874d6191b620e3261bef6864990db6ce");
  // A counter of 4 bits wraps around without touching the rest of the block, and ends after 16 blocks.
  const wrapped = hex(await subtle.encrypt({ name: "AES-CTR", counter, length: 4 }, ctr, new Uint8Array(32)));
  const start = bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfdfef0");
  assertEquals(wrapped.slice(32), hex(await subtle.encrypt({ name: "AES-CTR", counter: start, length: 128 }, ctr, new Uint8Array(16))));
  await assertRejects("OperationError", () => subtle.encrypt({ name: "AES-CTR", counter, length: 4 }, ctr, new Uint8Array(272)));
  await assertRejects("OperationError", () => subtle.encrypt({ name: "AES-CTR", counter, length: 0 }, ctr, plain));
  await assertRejects("DataError", () => raw(new Uint8Array(17), "AES-CTR", ["encrypt"]));
  await assertRejects("OperationError", () => subtle.generateKey({ name: "AES-CBC", length: 100 }, true, ["encrypt"]));
});

test("PBKDF2 and HKDF", async () => {
  const password = await subtle.importKey("raw", utf8("password"), "PBKDF2", false, ["deriveBits", "deriveKey"]);
  const pbkdf2 = (iterations) => ({ name: "PBKDF2", salt: utf8("salt"), iterations, hash: "SHA-1" });
  assertEquals(hex(await subtle.deriveBits(pbkdf2(1), password, 160)), "0c60c80f961f0e71f3a9b524af6012062fe037a6");
  assertEquals(hex(await subtle.deriveBits(pbkdf2(4096), password, 160)), "4b007901b765489abead49d926f721d065a429c1");
  const key = await subtle.deriveKey(pbkdf2(2), password, { name: "AES-GCM", length: 256 }, true, ["encrypt"]);
  assertEquals(hex(await subtle.exportKey("raw", key)), hex(await subtle.deriveBits(pbkdf2(2), password, 256)));
  await assertRejects("OperationError", () => subtle.deriveBits(pbkdf2(0), password, 160));
  await assertRejects("OperationError", () => subtle.deriveBits(pbkdf2(1), password, 3));
  await assertRejects("OperationError", () => subtle.deriveBits(pbkdf2(1), password));
  await assertRejects("SyntaxError", () => subtle.importKey("raw", utf8("p"), "PBKDF2", true, ["deriveBits"]));
  const ikm = await subtle.importKey("raw", new Uint8Array(22).fill(11), "HKDF", false, ["deriveBits"]);
  const hkdf = { name: "HKDF", hash: "SHA-256", salt: bytes("000102030405060708090a0b0c"), info: bytes("f0f1f2f3f4f5f6f7f8f9") };
  assertEquals(
    hex(await subtle.deriveBits(hkdf, ikm, 336)),
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  );
  await assertRejects("OperationError", () => subtle.deriveBits(hkdf, ikm, 8 * 32 * 256));
  await assertRejects("InvalidAccessError", () => subtle.deriveKey(hkdf, ikm, { name: "AES-GCM", length: 128 }, true, ["encrypt"]));
});

test("AES-KW wraps keys of every format", async () => {
  const wrapper = await raw(bytes("000102030405060708090a0b0c0d0e0f"), "AES-KW", ["wrapKey", "unwrapKey"]);
  const key = await raw(bytes("00112233445566778899aabbccddeeff"), "AES-CBC", ["encrypt"]);
  const wrapped = await subtle.wrapKey("raw", key, wrapper, "AES-KW");
  assertEquals(hex(wrapped), "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5");
  const again = await subtle.unwrapKey("raw", wrapped, wrapper, "AES-KW", "AES-CBC", true, ["encrypt", "decrypt"]);
  assertEquals(hex(await subtle.exportKey("raw", again)), "00112233445566778899aabbccddeeff");
  await assertRejects("OperationError", () => subtle.unwrapKey("raw", wrapped.slice(8), wrapper, "AES-KW", "AES-CBC", true, ["encrypt"]));
  const gcm = await subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["wrapKey", "unwrapKey"]);
  const algorithm = { name: "AES-GCM", iv: new Uint8Array(12) };
  const { privateKey } = await subtle.generateKey({ name: "ECDSA", namedCurve: "P-384" }, true, ["sign"]);
  for (const format of ["jwk", "pkcs8"]) {
    const sealed = await subtle.wrapKey(format, privateKey, gcm, algorithm);
    const opened = await subtle.unwrapKey(format, sealed, gcm, algorithm, privateKey.algorithm, true, ["sign"]);
    assertDeepEquals(await subtle.exportKey("jwk", opened), await subtle.exportKey("jwk", privateKey), format);
  }
  const noJwk = await subtle.encrypt(algorithm, await raw(new Uint8Array(16), "AES-GCM", ["encrypt"]), utf8("{"));
  const opener = await raw(new Uint8Array(16), "AES-GCM", ["unwrapKey"]);
  await assertRejects("DataError", () => subtle.unwrapKey("jwk", noJwk, opener, algorithm, "AES-GCM", true, ["encrypt"]));
});

test("ECDSA and ECDH on every curve, in every format", async () => {
  const data = utf8("to be signed");
  for (const [namedCurve, size] of [["P-256", 32], ["P-384", 48], ["P-521", 66]]) {
    const { publicKey, privateKey } = await subtle.generateKey({ name: "ECDSA", namedCurve }, true, ["sign", "verify"]);
    assertDeepEquals([publicKey.type, publicKey.extractable, publicKey.usages.join()], ["public", true, "verify"]);
    assertDeepEquals([privateKey.type, privateKey.usages.join(), privateKey.algorithm.namedCurve], ["private", "sign", namedCurve]);
    for (const hash of ["SHA-1", "SHA-256", "SHA-384", "SHA-512"]) {
      const signature = await subtle.sign({ name: "ECDSA", hash }, privateKey, data);
      assertEquals(signature.byteLength, 2 * size);
      assertEquals(await subtle.verify({ name: "ECDSA", hash }, publicKey, signature, data), true, `${namedCurve} ${hash}`);
      assertEquals(await subtle.verify({ name: "ECDSA", hash }, publicKey, signature, utf8("another")), false);
      assertEquals(await subtle.verify({ name: "ECDSA", hash }, publicKey, new Uint8Array(3), data), false);
    }
    const algorithm = { name: "ECDSA", namedCurve };
    const jwk = await subtle.exportKey("jwk", privateKey);
    assertDeepEquals([jwk.kty, jwk.crv, jwk.ext, jwk.key_ops.join()], ["EC", namedCurve, true, "sign"]);
    for (const [format, key] of [["raw", publicKey], ["spki", publicKey], ["jwk", publicKey], ["pkcs8", privateKey], ["jwk", privateKey]]) {
      const exported = await subtle.exportKey(format, key);
      const imported = await subtle.importKey(format, exported, algorithm, true, key.usages);
      assertDeepEquals(await subtle.exportKey("jwk", imported), await subtle.exportKey("jwk", key), `${namedCurve} ${format}`);
    }
    await assertRejects("InvalidAccessError", () => subtle.exportKey("pkcs8", publicKey));
    await assertRejects("InvalidAccessError", () => subtle.exportKey("spki", privateKey));
    await assertRejects("DataError", () => subtle.importKey("jwk", { ...jwk, crv: "P-255" }, algorithm, true, ["sign"]));
    await assertRejects("DataError", () => subtle.importKey("jwk", { ...jwk, d: jwk.x }, algorithm, true, ["sign"]));
    await assertRejects("DataError", () => subtle.importKey("raw", new Uint8Array(2 * size + 1), algorithm, true, ["verify"]));

    const agreement = { name: "ECDH", namedCurve };
    const [mine, yours] = [await subtle.generateKey(agreement, false, ["deriveBits", "deriveKey"]), await subtle.generateKey(agreement, false, ["deriveBits"])];
    const [a, b] = [
      await subtle.deriveBits({ name: "ECDH", public: yours.publicKey }, mine.privateKey),
      await subtle.deriveBits({ name: "ECDH", public: mine.publicKey }, yours.privateKey, null),
    ];
    assertEquals(hex(a), hex(b));
    assertEquals(a.byteLength, size);
    const part = await subtle.deriveBits({ name: "ECDH", public: yours.publicKey }, mine.privateKey, 12);
    assertEquals(hex(part), `${hex(a).slice(0, 3)}0`);
    await assertRejects("OperationError", () => subtle.deriveBits({ name: "ECDH", public: yours.publicKey }, mine.privateKey, 8 * size + 8));
    await assertRejects("InvalidAccessError", () => subtle.deriveBits({ name: "ECDH", public: yours.privateKey }, mine.privateKey));
    const key = await subtle.deriveKey({ name: "ECDH", public: yours.publicKey }, mine.privateKey, { name: "AES-GCM", length: 128 }, true, ["encrypt"]);
    assertEquals(hex(await subtle.exportKey("raw", key)), hex(a).slice(0, 32));
  }
  await assertRejects("NotSupportedError", () => subtle.generateKey({ name: "ECDSA", namedCurve: "P-1" }, true, ["sign"]));
  await assertRejects("SyntaxError", () => subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["sign"]));
});

test("Ed25519 and X25519", async () => {
  const jwk = { kty: "OKP", crv: "Ed25519", d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
  const privateKey = await subtle.importKey("jwk", jwk, "Ed25519", true, ["sign"]);
  const publicKey = await subtle.importKey("raw", bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"), "Ed25519", true, ["verify"]);
  const signature = await subtle.sign("Ed25519", privateKey, new Uint8Array(0));
  assertEquals(hex(signature).slice(0, 32), "e5564300c360ac729086e2cc806e828a");
  assertEquals(await subtle.verify("Ed25519", publicKey, signature, new Uint8Array(0)), true);
  assertEquals(await subtle.verify("Ed25519", publicKey, signature, new Uint8Array(1)), false);
  await assertRejects("DataError", () => subtle.importKey("jwk", { ...jwk, d: jwk.x }, "Ed25519", true, ["sign"]));
  // A point of small order makes every signature false.
  const weak = await subtle.importKey("raw", new Uint8Array(32), "Ed25519", true, ["verify"]);
  assertEquals(await subtle.verify("Ed25519", weak, new Uint8Array(64), utf8("x")), false);
  for (const name of ["Ed25519", "X25519"]) {
    const pair = await subtle.generateKey(name, true, name === "Ed25519" ? ["sign", "verify"] : ["deriveBits"]);
    for (const [format, key] of [["raw", pair.publicKey], ["spki", pair.publicKey], ["jwk", pair.publicKey], ["pkcs8", pair.privateKey], ["jwk", pair.privateKey]]) {
      const imported = await subtle.importKey(format, await subtle.exportKey(format, key), name, true, key.usages);
      assertDeepEquals(await subtle.exportKey("jwk", imported), await subtle.exportKey("jwk", key), `${name} ${format}`);
    }
    const other = name === "Ed25519" ? "X25519" : "Ed25519";
    const spki = await subtle.exportKey("spki", pair.publicKey);
    await assertRejects("DataError", () => subtle.importKey("spki", spki, other, true, other === "Ed25519" ? ["verify"] : []));
  }
  const alice = await subtle.importKey(
    "jwk",
    { kty: "OKP", crv: "X25519", d: "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo", x: "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo" },
    "X25519",
    false,
    ["deriveBits"],
  );
  const bob = await subtle.importKey("raw", bytes("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"), "X25519", true, []);
  assertEquals(
    hex(await subtle.deriveBits({ name: "X25519", public: bob }, alice, 256)),
    "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
  );
  const zero = await subtle.importKey("raw", new Uint8Array(32), "X25519", true, []);
  await assertRejects("OperationError", () => subtle.deriveBits({ name: "X25519", public: zero }, alice, 256));
});

test("RSA signs, encrypts and travels", async () => {
  const generation = { name: "RSA-PSS", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
  const { publicKey, privateKey } = await subtle.generateKey(generation, true, ["sign", "verify"]);
  assertEquals(publicKey.algorithm.modulusLength, 1024);
  assertEquals(hex(publicKey.algorithm.publicExponent), "010001");
  const data = utf8("to be signed");
  for (const saltLength of [0, 20, 32]) {
    const signature = await subtle.sign({ name: "RSA-PSS", saltLength }, privateKey, data);
    assertEquals(await subtle.verify({ name: "RSA-PSS", saltLength }, publicKey, signature, data), true);
    assertEquals(await subtle.verify({ name: "RSA-PSS", saltLength }, publicKey, signature, utf8("x")), false);
  }
  await assertRejects("OperationError", () => subtle.sign({ name: "RSA-PSS", saltLength: 200 }, privateKey, data));
  const [spki, pkcs8] = [await subtle.exportKey("spki", publicKey), await subtle.exportKey("pkcs8", privateKey)];
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-1" };
  const signer = await subtle.importKey("pkcs8", pkcs8, algorithm, true, ["sign"]);
  const verifier = await subtle.importKey("spki", spki, algorithm, true, ["verify"]);
  assertEquals(await subtle.verify(algorithm, verifier, await subtle.sign(algorithm, signer, data), data), true);
  assertEquals((await subtle.exportKey("jwk", signer)).alg, "RS1");
  const oaep = { name: "RSA-OAEP", hash: "SHA-256" };
  const sealer = await subtle.importKey("spki", spki, oaep, true, ["encrypt"]);
  const opener = await subtle.importKey("jwk", { ...(await subtle.exportKey("jwk", privateKey)), alg: "RSA-OAEP-256", key_ops: ["decrypt"] }, oaep, true, ["decrypt"]);
  const sealed = await subtle.encrypt({ ...oaep, label: utf8("label") }, sealer, data);
  assertEquals(hex(await subtle.decrypt({ ...oaep, label: utf8("label") }, opener, sealed)), hex(data));
  await assertRejects("OperationError", () => subtle.decrypt(oaep, opener, sealed));
  await assertRejects("OperationError", () => subtle.encrypt(oaep, sealer, new Uint8Array(63)));
  await assertRejects("NotSupportedError", () => subtle.exportKey("raw", publicKey));
  await assertRejects("DataError", () => subtle.importKey("spki", spki.slice(1), oaep, true, ["encrypt"]));
  await assertRejects("OperationError", () => subtle.generateKey({ ...generation, modulusLength: 100_000 }, true, ["sign"]));
  // Web Cryptography, 14.3.6: what cannot be generated is told before the missing usages.
  for (const exponent of [[4], [1], [0, 1], [], [1, 0, 0]]) {
    for (const usages of [["sign"], []]) {
      await assertRejects("OperationError", () => subtle.generateKey({ ...generation, publicExponent: new Uint8Array(exponent) }, true, usages));
    }
  }
  await assertRejects("SyntaxError", () => subtle.generateKey(generation, true, []));
});

test("JSON Web Keys say who may use them", async () => {
  const jwk = { kty: "oct", k: "AAECAwQFBgcICQoLDA0ODw", alg: "A128GCM", use: "enc", key_ops: ["encrypt"], ext: false };
  const bring = (change, extractable = false, usages = ["encrypt"]) => subtle.importKey("jwk", { ...jwk, ...change }, "AES-GCM", extractable, usages);
  const key = await bring({});
  assertDeepEquals([key.type, key.extractable, key.algorithm.length], ["secret", false, 128]);
  await assertRejects("DataError", () => bring({}, true));
  await assertRejects("DataError", () => bring({ kty: "EC" }));
  await assertRejects("DataError", () => bring({ alg: "A256GCM" }));
  await assertRejects("DataError", () => bring({ use: "sig" }));
  await assertRejects("DataError", () => bring({}, false, ["decrypt"]));
  await assertRejects("DataError", () => bring({ k: "AA!" }));
  await assertRejects("DataError", () => bring({ k: "AB" }));
  await assertRejects("DataError", () => bring({ key_ops: ["encrypt", "encrypt"] }));
  await assertRejects(TypeError, () => subtle.importKey("jwk", new Uint8Array(3), { name: "AES-GCM" }, true));
  await assertRejects("SyntaxError", () => bring({}, false, []));
  const made = await subtle.generateKey({ name: "AES-CTR", length: 192 }, true, ["encrypt", "decrypt"]);
  const out = await subtle.exportKey("jwk", made);
  assertDeepEquals([out.kty, out.alg, out.ext, out.key_ops.join(), out.k.length], ["oct", "A192CTR", true, "encrypt,decrypt", 32]);
});

test("what a script does to a key's attributes changes no key", async () => {
  const key = await raw(new Uint8Array(16), "AES-GCM", ["encrypt"]);
  assertEquals(key.algorithm, key.algorithm);
  assertEquals(key.usages, key.usages);
  key.algorithm.name = "HMAC";
  key.usages.push("decrypt");
  const algorithm = { name: "AES-GCM", iv: new Uint8Array(12) };
  const sealed = await subtle.encrypt(algorithm, key, new Uint8Array(1));
  await assertRejects("InvalidAccessError", () => subtle.decrypt(algorithm, key, sealed));
  assertThrows(TypeError, () => new CryptoKey());
  assertThrows(TypeError, () => Object.getOwnPropertyDescriptor(CryptoKey.prototype, "type").get.call({}));
  assertEquals(Object.prototype.toString.call(key), "[object CryptoKey]");
});
