// The trivial worker in the syntax of service workers: wakeworker and workerd run this very file.
addEventListener("fetch", (event) => event.respondWith(new Response("hello")));
