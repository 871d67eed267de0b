import type { RefObject } from "preact";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { ApiError, cached, call, get, getAll, session, withCursor } from "./api";
import { useStore } from "./store";

export interface Resource<T> {
  data: T | undefined;
  error: ApiError | undefined;
  reload: () => void;
}

interface State<T> {
  path: string | null;
  data: T | undefined;
  error: ApiError | undefined;
}

const REFRESH = 60_000;

/** The response at `path`: the cached one first, then a fresh one every minute while the page is visible. */
export function useResource<T>(path: string | null, options: { pages?: number; refresh?: boolean } = {}): Resource<T> {
  const { pages, refresh = true } = options;
  const known = (): T | undefined => (path === null ? undefined : cached<T>(pages ? `${path}#all` : path)?.data);
  const [state, setState] = useState<State<T>>({ path, data: known(), error: undefined });
  const [turn, setTurn] = useState(0);
  const current = state.path === path ? state : { path, data: known(), error: undefined };

  useEffect(() => {
    if (path === null) return;
    const control = new AbortController();
    let timer = 0;
    const load = async (): Promise<void> => {
      try {
        const { data } = pages
          ? await getAll<never>(path, pages, control.signal)
          : await get<T>(path, control.signal);
        if (!control.signal.aborted) setState({ path, data: data as T, error: undefined });
      } catch (error) {
        if (control.signal.aborted) return;
        const shown = error instanceof ApiError ? error : new ApiError(0, String(error));
        setState((old) => ({ path, data: old.path === path ? old.data : known(), error: shown }));
      }
      if (refresh && !control.signal.aborted) timer = window.setTimeout(again, REFRESH);
    };
    const again = (): void => {
      if (document.visibilityState === "visible") void load();
      else document.addEventListener("visibilitychange", () => void load(), { once: true, signal: control.signal });
    };
    void load();
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [path, pages, refresh, turn]);

  const reload = useCallback(() => setTurn((count) => count + 1), []);
  return { data: current.data, error: current.error, reload };
}

export interface List<T> {
  items: T[] | undefined;
  error: ApiError | undefined;
  more: (() => void) | null;
  busy: boolean;
  reload: () => void;
}

/** A list that loads one page, and the next one on `more`. */
export function useList<T>(path: string): List<T> {
  const [state, setState] = useState<{ path: string; items?: T[]; cursor: string | null; error?: ApiError }>({ path, cursor: null });
  const [busy, setBusy] = useState(false);
  const [turn, setTurn] = useState(0);
  const control = useRef<AbortController | null>(null);
  const current = state.path === path ? state : { path, cursor: null };

  const load = async (before: T[], cursor: string | null): Promise<void> => {
    control.current?.abort();
    const own = (control.current = new AbortController());
    setBusy(true);
    try {
      const page = await call<T[]>("GET", withCursor(path, cursor), { signal: own.signal });
      if (!own.signal.aborted) setState({ path, items: [...before, ...page.data], cursor: page.cursor });
    } catch (error) {
      if (own.signal.aborted) return;
      const shown = error instanceof ApiError ? error : new ApiError(0, String(error));
      setState({ path, ...(cursor ? { items: before } : {}), cursor, error: shown });
    }
    if (!own.signal.aborted) setBusy(false);
  };

  useEffect(() => {
    void load([], null);
    return () => control.current?.abort();
  }, [path, turn]);

  const { items, cursor, error } = current as typeof state;
  return {
    items,
    error,
    busy,
    more: cursor ? () => void load(items ?? [], cursor) : null,
    reload: () => setTurn((count) => count + 1),
  };
}

/** Runs a form's action, one call at a time, and keeps its error for display. */
export function useAction<A extends unknown[]>(
  run: (...values: A) => Promise<void>,
): { run: (...values: A) => Promise<boolean>; busy: boolean; error: ApiError | undefined; clear: () => void } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const running = useRef(false);
  return {
    busy,
    error,
    clear: () => setError(undefined),
    run: async (...values: A) => {
      if (running.current) return false;
      running.current = true;
      setBusy(true);
      setError(undefined);
      try {
        await run(...values);
        return true;
      } catch (caught) {
        setError(caught instanceof ApiError ? caught : new ApiError(0, String(caught)));
        return false;
      } finally {
        running.current = false;
        setBusy(false);
      }
    },
  };
}

export function useAdmin(): boolean {
  return useStore(session).me?.role === "admin";
}

/** The width of an element in CSS pixels, as it changes. */
export function useWidth(): [RefObject<HTMLDivElement | null>, number] {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const node = element.current;
    if (!node) return;
    setWidth(node.clientWidth);
    const observer = new ResizeObserver(() => setWidth(node.clientWidth));
    observer.observe(node);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · DriftGuard`;
  }, [title]);
}

/** Redraws every half minute, so that "3 min ago" stays true. */
export function useTick(every = 30_000): void {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), every);
    return () => clearInterval(timer);
  }, [every]);
}
