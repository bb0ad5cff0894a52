// URLPattern (URL Pattern standard) over urlpattern-polyfill, which matches; the shape of the interface is ours.

import { URLPattern as Matcher } from "urlpattern-polyfill/urlpattern";
import { defineInterface, isObject, toUSVString } from "./webidl.ts";

const PARTS = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash", "baseURL"] as const;

type Init = { [part in (typeof PARTS)[number]]?: string };

/** URLPatternInput: a string, or a dictionary of parts. */
function toInput(value: unknown): string | Init {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) return toUSVString(value);
  const members = value as Record<string, unknown>;
  const init: Init = {};
  for (const part of PARTS) if (members[part] !== undefined) init[part] = toUSVString(members[part]);
  return init;
}

const toBase = (value: unknown): string | undefined => (value === undefined ? undefined : toUSVString(value));

export class URLPattern {
  #matcher: Matcher;

  constructor(input: unknown = undefined, baseOrOptions: unknown = undefined, options: unknown = undefined) {
    const wanted = toInput(input);
    const hasBase = baseOrOptions !== undefined && baseOrOptions !== null && !isObject(baseOrOptions);
    const base = hasBase ? toUSVString(baseOrOptions) : undefined;
    const members = (hasBase ? options : baseOrOptions) as { ignoreCase?: unknown } | null | undefined;
    const matching = { ignoreCase: Boolean(members?.ignoreCase) };
    if (base !== undefined && isObject(wanted)) throw new TypeError("URLPattern constructor: a base URL goes with a string only; the dictionary has a member baseURL");
    try {
      this.#matcher = base === undefined ? new Matcher(wanted, matching as never) : new (Matcher as unknown as new (...args: unknown[]) => Matcher)(wanted, base, matching);
    } catch (error) {
      throw asTypeError(error);
    }
  }

  test(input: unknown = undefined, baseURL: unknown = undefined): boolean {
    const matcher = this.#matcher;
    const wanted = toInput(input);
    try {
      return matcher.test(wanted, toBase(baseURL));
    } catch (error) {
      throw asTypeError(error);
    }
  }
  exec(input: unknown = undefined, baseURL: unknown = undefined): unknown {
    const matcher = this.#matcher;
    const wanted = toInput(input);
    try {
      return matcher.exec(wanted, toBase(baseURL)) ?? null;
    } catch (error) {
      throw asTypeError(error);
    }
  }
  get protocol(): string {
    return this.#matcher.protocol;
  }
  get username(): string {
    return this.#matcher.username;
  }
  get password(): string {
    return this.#matcher.password;
  }
  get hostname(): string {
    return this.#matcher.hostname;
  }
  get port(): string {
    return this.#matcher.port;
  }
  get pathname(): string {
    return this.#matcher.pathname;
  }
  get search(): string {
    return this.#matcher.search;
  }
  get hash(): string {
    return this.#matcher.hash;
  }
  get hasRegExpGroups(): boolean {
    return (this.#matcher as Matcher & { hasRegExpGroups: boolean }).hasRegExpGroups;
  }
}
defineInterface(URLPattern, "URLPattern");

/** The library throws SyntaxErrors of the engine for patterns whose regular expressions are none. */
function asTypeError(error: unknown): TypeError {
  return error instanceof TypeError ? error : new TypeError(`URLPattern: ${error instanceof Error ? error.message : String(error)}`);
}
