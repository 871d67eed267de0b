import { useEffect, useState } from "preact/hooks";

/** A value that redraws the components which use it. */
export class Store<T> {
  #listeners = new Set<(value: T) => void>();
  constructor(public value: T) {}

  set(value: T): void {
    this.value = value;
    for (const listener of [...this.#listeners]) listener(value);
  }

  listen(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export function useStore<T>(store: Store<T>): T {
  const [, redraw] = useState(0);
  const seen = store.value;
  useEffect(() => {
    const update = (): void => redraw((count) => count + 1);
    if (store.value !== seen) update();
    return store.listen(update);
  }, [store]);
  return seen;
}
