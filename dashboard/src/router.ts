// Hash routes: `#/alerts?severity=HIGH`. The hash survives the key prompt and is never sent to a server.
import { useEffect, useState } from "preact/hooks";

export interface Route {
  path: string[];
  query: URLSearchParams;
}

export function read(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split(/\?(.*)/s);
  return { path: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A link such as `to("models", id)`. An object becomes the query, without its empty values. */
export function to(...parts: (string | Record<string, string | null | undefined>)[]): string {
  const path = parts.filter((part) => typeof part === "string").map(encodeURIComponent).join("/");
  const query = new URLSearchParams();
  for (const part of parts)
    if (typeof part === "object") for (const [name, value] of Object.entries(part)) if (value) query.set(name, value);
  const text = query.toString();
  return `#/${path}${text ? `?${text}` : ""}`;
}

export function go(hash: string, { replace = false } = {}): void {
  if (replace) {
    history.replaceState(null, "", hash);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else location.hash = hash;
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const update = (): void => setHash(location.hash);
    window.addEventListener("hashchange", update);
    return () => window.removeEventListener("hashchange", update);
  }, []);
  return read(hash);
}

/** Change parts of the query in place. Null removes a name. */
export function setQuery(changes: Record<string, string | null>): void {
  const { path, query } = read(location.hash);
  const merged: Record<string, string | null> = { ...Object.fromEntries(query), ...changes };
  go(to(...path, merged), { replace: true });
}
