// `test` of node:test, except that a test which waits for ever fails and says so.
import { test as unlimited } from "node:test";

/** How long one test may take: many times what it takes on a busy machine. */
const TEST_DURATION_MAX_MS = 180_000;

/**
 * @param {string} name
 * @param {() => Promise<void>} body
 */
export function test(name, body) {
  void unlimited(name, { timeout: TEST_DURATION_MAX_MS }, body);
}
