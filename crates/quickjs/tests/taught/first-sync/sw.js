// Does its work when a sync event comes. Work that fails is tried again later.

function doTheWork(tag) {
  return fetch("/work/" + tag, { method: "POST" }).then(function (response) {
    if (!response.ok) throw new Error("the work failed: " + response.status);
  });
}

self.addEventListener("sync", function (event) {
  if (event.tag.startsWith("work")) {
    event.waitUntil(doTheWork(event.tag));
  }
});
