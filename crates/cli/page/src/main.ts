// Makes the page a client of the gateway: replaces `navigator.serviceWorker` before any script of the page runs, and
// keeps the connection over which everything happens.

import type { ControllerInfo, Hello } from "../protocol";
import { receiveBroadcast, replaceBroadcastChannel } from "./broadcast.ts";
import { Connection } from "./connection.ts";
import { checkReady, createContainer, getController, receiveMessage, setController } from "./container.ts";
import { connectDatabases } from "./databases.ts";
import { setGateway } from "./gateway.ts";
import { restoreNetworkErrors } from "./network_error.ts";
import { announceSyncDone, clearRegistration, removeRegistration, replaceRegistrations, updateRegistration } from "./objects.ts";
import { answerPermissionQueries, permissionChanged, refreshPermissions } from "./permissions.ts";
import { closeAllPorts, portClosed, portMessage } from "./ports.ts";

const tag = document.currentScript;
if (tag instanceof HTMLScriptElement && tag.dataset["client"] !== undefined) {
  const controller = JSON.parse(tag.dataset["controller"] ?? "null") as ControllerInfo | null;
  // R1
  if (isSecureContext) start(tag.dataset["client"], controller, tag.dataset["storage"] === "shared");
  // The page's own scripts count and index elements; ours is none of their business.
  tag.remove();
}

function start(reserved: string, controllerAtLoad: ControllerInfo | null, sharesStorage: boolean): void {
  let client = reserved;
  const createdAt = location.href;
  const container = createContainer(controllerAtLoad);
  const address = `${location.origin.replace(/^http/, "ws")}/.wakeworker/socket`;
  const connection = new Connection(address, {
    hello: (): Hello => ({
      type: "hello",
      protocol: 1,
      client,
      url: createdAt,
      frameType: frameType(),
      topOrigin: foreignTopOrigin(),
      visibilityState: visibility(),
      focused: document.hasFocus(),
      controller: getController(container)?.registration ?? null,
    }),
    welcome(message) {
      client = message.client;
      replaceRegistrations(message.registrations);
      setController(container, message.controller, true);
      checkReady(container);
      refreshPermissions();
    },
    lost: closeAllPorts,
    message(message) {
      switch (message.type) {
        case "registration":
          updateRegistration(message.registration);
          checkReady(container);
          break;
        case "unregistered":
          removeRegistration(message.id);
          break;
        case "cleared":
          clearRegistration(message.id);
          break;
        case "controller":
          setController(container, message.controller, true);
          break;
        case "message":
          receiveMessage(container, message);
          break;
        case "portMessage":
          portMessage(message.port, message.data, message.ports);
          break;
        case "portClosed":
          portClosed(message.port);
          break;
        case "broadcast":
          receiveBroadcast(message.name, message.data);
          break;
        case "permission":
          permissionChanged(message.name, message.state);
          break;
        case "syncDone":
          announceSyncDone(message);
          break;
      }
    },
  });
  setGateway(connection);
  replaceBroadcastChannel();
  if (sharesStorage) connectDatabases(`${address}?databases`, foreignTopOrigin());

  Object.defineProperty(Navigator.prototype, "serviceWorker", {
    get(this: unknown) {
      if (this !== navigator) throw new TypeError("Illegal invocation");
      return container;
    },
    enumerable: true,
    configurable: true,
  });
  restoreNetworkErrors();
  answerPermissionQueries();

  const tellChange = () => {
    connection.tell({ type: "client", url: location.href, visibilityState: visibility(), focused: document.hasFocus() });
  };
  for (const type of ["focus", "blur", "popstate", "hashchange"]) addEventListener(type, tellChange);
  document.addEventListener("visibilitychange", tellChange);
  // `pushState` fires no event of its own; the Navigation API, where there is one, reports it.
  (globalThis as { navigation?: EventTarget }).navigation?.addEventListener("currententrychange", tellChange);
  connection.open();
}

function visibility(): "visible" | "hidden" {
  return document.visibilityState === "visible" ? "visible" : "hidden";
}

function frameType(): "top-level" | "auxiliary" | "nested" {
  if (window.parent !== window) return "nested";
  return window.opener === null ? "top-level" : "auxiliary";
}

/** The origin of the top-level document if it is another one, "null" if it cannot be known. */
function foreignTopOrigin(): string | null {
  if (window.parent === window) return null;
  try {
    const origin = window.top?.location.origin;
    return origin === location.origin ? null : (origin ?? "null");
  } catch {
    return location.ancestorOrigins?.[location.ancestorOrigins.length - 1] ?? "null";
  }
}
