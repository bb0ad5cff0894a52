// Registers its worker, then asks for one sync, or for several.

navigator.serviceWorker.register("/sw.js");

function requestSync(tag) {
  return navigator.serviceWorker.ready.then(function (swRegistration) {
    return swRegistration.sync.register(tag);
  });
}
