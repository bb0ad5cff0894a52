// A network error cannot be sent over HTTP, so the gateway answers 502 with a header that says what it means: the
// worker answered with a network error, or the machine counts as offline. A page must see what it would see without a
// gateway: its `fetch()` rejects. (Images and scripts fail by the 502 alone; XMLHttpRequest sees the 502.)

const HEADER = "wakeworker-network-error";

/** Makes `fetch()` reject for answers that stand for a network error. */
export function restoreNetworkErrors(): void {
  const native = globalThis.fetch;
  const wrapped = {
    async fetch(...args: Parameters<typeof fetch>): Promise<Response> {
      const response = await native.apply(globalThis, args);
      const reason = response.type === "basic" ? response.headers.get(HEADER) : null;
      if (reason !== null) {
        await response.body?.cancel();
        throw new TypeError(`Failed to fetch: ${reason}`);
      }
      return response;
    },
  };
  Object.defineProperty(globalThis, "fetch", { value: wrapped.fetch, writable: true, enumerable: true, configurable: true });
}
