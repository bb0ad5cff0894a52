// The same as a module, which deno and bun serve by themselves.
export default {
  /** @returns {Response} */
  fetch() {
    return new Response("hello");
  },
};
