// Evaluated before the runtime layer when a program drives the time by hand: the engine's own clock and its own random
// numbers must not be seen.
(() => {
  const { wallNow, randomBytes } = globalThis.__host;
  delete globalThis.__host.wallNow;
  const { Date: RealDate, Math, Object, Proxy, Reflect, Uint8Array } = globalThis;
  const define = (target, name, value) =>
    Object.defineProperty(target, name, { value, writable: true, enumerable: false, configurable: true });
  define(RealDate, "now", { now: () => wallNow() }.now);
  const VirtualDate = new Proxy(RealDate, {
    apply: () => new RealDate(wallNow()).toString(),
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [wallNow()] : args, newTarget),
  });
  define(RealDate.prototype, "constructor", VirtualDate);
  define(globalThis, "Date", VirtualDate);
  const random = () => {
    const bytes = new Uint8Array(randomBytes(7));
    // 53 bits, the precision of a number from 0 to 1.
    return bytes.reduce((sum, byte, index) => sum + (index === 6 ? byte & 0x1f : byte) * 2 ** (8 * index), 0) / 2 ** 53;
  };
  define(Math, "random", { random }.random);
})();
