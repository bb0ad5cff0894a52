// Whether a view follows the length of its resizable buffer: no property tells, so the buffer is resized for a moment. This
// file is also bundled for pages, so it imports nothing.

const keysOfTypedArray = Uint8Array.prototype.keys;
const resize = ArrayBuffer.prototype.resize;

/** True if the view's length is not its own but that of its buffer. */
export function tracksLength(view: ArrayBufferView): boolean {
  const { buffer, byteOffset, byteLength } = view;
  if (!(buffer instanceof ArrayBuffer) || !buffer.resizable) return false;
  const whole = buffer.byteLength;
  const step = view instanceof DataView ? 1 : (view as Uint8Array).BYTES_PER_ELEMENT;
  // A view that leaves room for another element at the end has a length of its own.
  if (whole - (byteOffset + byteLength) >= step) return false;
  if (whole + step <= buffer.maxByteLength) {
    resize.call(buffer, whole + step);
    const tracks = view.byteLength !== byteLength;
    resize.call(buffer, whole);
    return tracks;
  }
  if (byteLength < step) return false;
  const content = new Uint8Array(buffer).slice();
  resize.call(buffer, byteOffset + byteLength - step);
  const tracks = isInBounds(view);
  resize.call(buffer, whole);
  new Uint8Array(buffer).set(content);
  return tracks;
}

/** A view of a fixed length that no longer lies in its buffer throws. */
function isInBounds(view: ArrayBufferView): boolean {
  try {
    if (view instanceof DataView) return view.byteLength >= 0;
    keysOfTypedArray.call(view as Uint8Array);
    return true;
  } catch {
    return false;
  }
}
