// A worker of workerd that loads a further worker for each path it is asked for, in an isolate of its own.
import source from "hello-source";

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    const code = { compatibilityDate: "2026-11-01", mainModule: "hello.js", modules: { "hello.js": source } };
    return await env.LOADER.get(pathname, () => code).getEntrypoint().fetch(request);
  },
};
