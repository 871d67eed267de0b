// HTTP client of the API: sends the key, retries throttled requests, follows cursors, and turns failures into ApiError.
import type { Me } from "./types";
import { Store } from "./store";

/** The API is one level above the page on every stage and domain: …/dashboard/app-….js → …/ */
export const BASE = new URL("..", import.meta.url).href.replace(/\/$/, "");

const KEY = "driftguard.key";
const PATIENCE = 4;

export class ApiError extends Error {
  constructor(
    /** 0 when the API sent no response. */
    readonly status: number,
    message: string,
    readonly errors: { loc: (string | number)[]; msg: string }[] = [],
    readonly retryAfter: number | null = null,
    readonly requestId: string | null = null,
  ) {
    super(message);
  }
}

export interface Session {
  key: string | null;
  me: Me | null;
  /** Why the page asks for a key again. */
  notice: string | null;
}

/** Where a link may bring its key along: the stack on this machine, which prints such links. */
const OWN_MACHINE = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** The key in the link's hash, `#/?key=…`. The address loses it at once, so that nobody shares it by accident. */
function keyOfLink(): string | null {
  const [path = "", query = ""] = location.hash.split("?");
  const parameters = new URLSearchParams(query);
  const key = parameters.get("key");
  if (!key || !OWN_MACHINE.has(location.hostname)) return null;
  parameters.delete("key");
  const rest = parameters.size ? `?${parameters}` : "";
  history.replaceState(null, "", `${path}${rest}`);
  sessionStorage.setItem(KEY, key);
  return key;
}

export const session = new Store<Session>({ key: keyOfLink() ?? sessionStorage.getItem(KEY), me: null, notice: null });

/** When a throttled request is retried, in milliseconds since 1970. Null while no request waits. */
export const throttled = new Store<number | null>(null);

/** Whether the last request failed without a response from the API itself. */
export const unreachable = new Store(false);

interface Answer<T> {
  data: T;
  cursor: string | null;
}

const cache = new Map<string, Answer<unknown>>();

export function signOut(notice: string | null = null): void {
  sessionStorage.removeItem(KEY);
  cache.clear();
  session.set({ key: null, me: null, notice });
}

/** Check a key against the API, and keep it for this browser session if the API accepts it. */
export async function signIn(key: string): Promise<void> {
  const { data } = await call<Me>("GET", "/me", { key });
  sessionStorage.setItem(KEY, key);
  cache.clear();
  session.set({ key, me: data, notice: null });
}

interface Options {
  body?: unknown;
  signal?: AbortSignal;
  key?: string;
}

export async function call<T>(method: string, path: string, options: Options = {}): Promise<Answer<T>> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await once<T>(method, path, options);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 403 && path !== "/me" && !options.key) await stillKnown();
      if (error.status !== 429 || method !== "GET" || attempt >= PATIENCE) throw error;
      await pause(Math.min(error.retryAfter ?? 2 ** attempt, 30), options.signal);
    }
  }
}

async function once<T>(method: string, path: string, { body, signal, key }: Options): Promise<Answer<T>> {
  const headers: Record<string, string> = { accept: "application/json" };
  const used = key ?? session.value.key;
  if (used) headers["x-api-key"] = used;
  if (body !== undefined) headers["content-type"] = "application/json";
  const request: RequestInit = { method, headers, cache: "no-store", referrerPolicy: "no-referrer" };
  if (signal) request.signal = signal;
  if (body !== undefined) request.body = JSON.stringify(body);
  let response: Response;
  try {
    response = await fetch(BASE + path, request);
  } catch (error) {
    if (signal?.aborted) throw error;
    unreachable.set(true);
    throw new ApiError(0, "The API does not answer. Check your network connection, then try again.");
  }
  const gone = response.status >= 502 && response.status <= 504 && response.headers.get("x-request-id") === null;
  if (unreachable.value !== gone) unreachable.set(gone);
  const text = await response.text();
  const data: unknown = parse(text);
  if (!response.ok) throw problem(response, data);
  return { data: data as T, cursor: nextCursor(response.headers.get("link")) };
}

function parse(text: string): unknown {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

function problem(response: Response, data: unknown): ApiError {
  const body = (data ?? {}) as { detail?: string; message?: string; errors?: ApiError["errors"] };
  const wait = Number(response.headers.get("retry-after") ?? Number.NaN);
  return new ApiError(
    response.status,
    body.detail ?? body.message ?? `The API answered with status ${response.status}.`,
    body.errors ?? [],
    Number.isFinite(wait) ? wait : null,
    response.headers.get("x-request-id"),
  );
}

/** Only the cursor is used: the header may name another host of the same API, which this page may not call. */
function nextCursor(link: string | null): string | null {
  const next = link?.match(/<([^>]*)>\s*;\s*rel="?next"?/);
  return next?.[1] ? new URL(next[1], BASE).searchParams.get("cursor") : null;
}

async function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  throttled.set(Date.now() + seconds * 1000);
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  }).finally(() => throttled.set(null));
}

let asking: Promise<void> | null = null;

/** After a 403: sign out if the API no longer accepts the key. */
async function stillKnown(): Promise<void> {
  asking ??= once<Me>("GET", "/me", {})
    .then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof ApiError && error.status === 403)
          signOut("This key is no longer accepted. It was revoked, or the stack was replaced. Enter another key.");
      },
    )
    .finally(() => {
      asking = null;
    });
  await asking;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
  const answer = await call<T>("GET", path, signal ? { signal } : {});
  cache.set(path, answer);
  return answer;
}

export function cached<T>(path: string): Answer<T> | undefined {
  return cache.get(path) as Answer<T> | undefined;
}

/** Counts the changes made from this page. Components reload when it rises. */
export const changes = new Store(0);

export function forget(prefix: string): void {
  for (const path of cache.keys()) if (path.startsWith(prefix)) cache.delete(path);
  changes.set(changes.value + 1);
}

/** All items of a list, from at most `most` pages. */
export async function getAll<T>(path: string, most: number, signal?: AbortSignal): Promise<Answer<T[]>> {
  const items: T[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < most; page++) {
    const answer: Answer<T[]> = await call<T[]>("GET", withCursor(path, cursor), signal ? { signal } : {});
    items.push(...answer.data);
    cursor = answer.cursor;
    if (!cursor) break;
  }
  const all = { data: items, cursor };
  cache.set(`${path}#all`, all);
  return all;
}

export function withCursor(path: string, cursor: string | null): string {
  if (!cursor) return path;
  return `${path}${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}`;
}

/** A path with each inserted part escaped: `` at`/models/${id}/baseline` ``. */
export function at(strings: TemplateStringsArray, ...parts: (string | number)[]): string {
  return strings.reduce((whole, text, index) => whole + text + (index < parts.length ? encodeURIComponent(parts[index]!) : ""), "");
}
