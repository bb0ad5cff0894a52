// FileReader (File API, section 6).

const record = (reader) => {
  const seen = [];
  const ended = new Promise((resolve) => {
    for (const type of ["loadstart", "progress", "load", "abort", "error", "loadend"]) {
      reader[`on${type}`] = (event) => {
        seen.push(`${event.type} ${event.loaded}/${event.total}`);
        if (type === "loadend") resolve(seen);
      };
    }
  });
  return ended;
};

test("a blob is read in every form", async () => {
  const blob = new Blob(["a\u00e9\u0000"], { type: "text/plain" });
  const read = async (method, ...more) => {
    const reader = new FileReader();
    const ended = record(reader);
    reader[method](blob, ...more);
    assertEquals(reader.readyState, FileReader.LOADING);
    assertEquals(reader.result, null);
    assertDeepEquals(await ended, ["loadstart 0/4", "progress 4/4", "load 4/4", "loadend 4/4"], method);
    assertEquals(reader.readyState, FileReader.DONE);
    return reader.result;
  };
  assertEquals(await read("readAsText"), "aé\u0000");
  assertEquals(await read("readAsText", "windows-1252"), "aÃ©\u0000");
  assertEquals(await read("readAsBinaryString"), "a\u00c3\u00a9\u0000");
  assertEquals(await read("readAsDataURL"), "data:text/plain;base64,YcOpAA==");
  assertDeepEquals([...new Uint8Array(await read("readAsArrayBuffer"))], [0x61, 0xc3, 0xa9, 0]);
});

test("the encoding is the caller's, else the type's; a byte order mark wins", async () => {
  const text = (parts, type, ...more) =>
    new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.readAsText(new Blob([new Uint8Array(parts)], { type }), ...more);
    });
  assertEquals(await text([0x80], "text/plain;charset=windows-1252"), "€");
  assertEquals(await text([0x80], 'text/plain; charset="koi8-r"', "windows-1252"), "€");
  assertEquals(await text([0x80], "text/plain", "no-such-encoding"), "\ufffd");
  assertEquals(await text([0xff, 0xfe, 0xac, 0x20], "text/plain;charset=windows-1252"), "€");
});

test("reading twice, aborting, and reading again", async () => {
  const reader = new FileReader();
  const ended = record(reader);
  reader.readAsText(new Blob(["x"]));
  assertThrows("InvalidStateError", () => reader.readAsText(new Blob(["y"])));
  assertThrows(TypeError, () => reader.readAsText("y"));
  reader.abort();
  assertDeepEquals(await ended, ["abort 0/0", "loadend 0/0"]);
  assertDeepEquals([reader.readyState, reader.result], [FileReader.DONE, null]);
  const again = record(reader);
  reader.readAsText(new Blob([]));
  assertDeepEquals(await again, ["loadstart 0/0", "load 0/0", "loadend 0/0"]);
  assertEquals(reader.result, "");
  reader.abort();
});

test("ProgressEvent", () => {
  const event = new ProgressEvent("p", { lengthComputable: true, loaded: 2.5, total: 10 });
  assertDeepEquals([event.lengthComputable, event.loaded, event.total, event.isTrusted], [true, 2.5, 10, false]);
  assertThrows(TypeError, () => new ProgressEvent("p", { loaded: NaN }));
  assertThrows(TypeError, () => new ProgressEvent());
});
