// Fenced frames may not leave work behind for later (R15).

/** Throws what Chromium throws inside a fenced frame; the messages are those of its tests. */
export function refuseInFencedFrame(api: string, operation?: string, interfaceName?: string): void {
  const { fence } = globalThis as { fence?: unknown };
  if (fence === undefined || fence === null) return;
  const what = operation === undefined ? "" : `Failed to execute '${operation}' on '${interfaceName}': `;
  throw new DOMException(`${what}${api} is not allowed in fenced frames.`, "NotAllowedError");
}
