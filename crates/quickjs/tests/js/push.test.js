// Push and notifications without a permission: what a script can make itself, and what it is refused (Push API; Notifications
// API Standard). What a host does with them is in tests/notifications.rs.

test("messages that a script makes have their data in every form", async () => {
  const event = new PushEvent("push", { data: '{"a":"é"}' });
  assertEquals(event.data.text(), '{"a":"é"}');
  assertEquals(event.data.json().a, "é");
  assertEquals(event.data.bytes().length, 10);
  assertEquals(event.data.arrayBuffer().byteLength, 10);
  assertEquals(await event.data.blob().text(), '{"a":"é"}');
  assert(event.data.bytes() !== event.data.bytes() && event.data === event.data);
  const bytes = new Uint8Array([1, 2, 3]);
  const copied = new PushEvent("push", { data: bytes.subarray(1) });
  bytes.fill(9);
  assertEquals([...copied.data.bytes()].join(), "2,3");
  assertEquals(new PushEvent("push").data, null);
  assertEquals(new PushEvent("push", { data: null }).notification, null);
  assertThrows(TypeError, () => new PushEvent());
  assertThrows(TypeError, () => new PushEvent("push", { notification: {} }));
  assertThrows(TypeError, () => new PushMessageData());
});

test("there is no push service, and no permission", async () => {
  assert(registration.pushManager === registration.pushManager);
  assert(registration.pushManager instanceof PushManager);
  assertEquals(await registration.pushManager.getSubscription(), null);
  assertEquals(await registration.pushManager.permissionState({ userVisibleOnly: true }), "denied");
  const error = await registration.pushManager.subscribe({ userVisibleOnly: true }).catch((reason) => reason);
  assert(error instanceof DOMException);
  assertEquals(error.name, "NotAllowedError");
  assertEquals(PushManager.supportedContentEncodings.join(), "aes128gcm");
});

test("a worker makes no notifications by hand", async () => {
  assertEquals(Notification.permission, "denied");
  assertEquals(Notification.maxActions, 2);
  assertThrows(TypeError, () => new Notification("title"));
  assertThrows(TypeError, () => new NotificationEvent("notificationclick", {}));
  assertThrows(TypeError, () => new NotificationEvent("notificationclick"));
  await assertRejects(TypeError, () => registration.showNotification("title"));
  assertEquals((await registration.getNotifications()).length, 0);
  await assertRejects(TypeError, () => ServiceWorkerRegistration.prototype.getNotifications.call({}));
});

test("their handlers are the global's", () => {
  for (const name of ["onpush", "onnotificationclick", "onnotificationclose"]) {
    assertEquals(self[name], null, name);
    self[name] = () => {};
    assertEquals(typeof self[name], "function");
    self[name] = null;
  }
});
