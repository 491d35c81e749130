/** Doing several things at once without letting it show: what comes out does not depend on which was faster. */

/** Runs `work` on the items, at most `ahead` at once, and yields what each gave, in their order: call it to get the value or the throw. */
export async function* inOrder<T, R>(
  items: Iterable<T>,
  ahead: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<{ item: T; result: () => R }> {
  const running: Promise<{ item: T; result: () => R }>[] = [];
  for (const item of items) {
    running.push(settle(item, work));
    const first = running.length >= ahead ? running.shift() : undefined;
    if (first !== undefined) yield await first;
  }
  for (const each of running) yield await each;
}

/** Never rejects, so that nobody has to be waiting for it. */
async function settle<T, R>(item: T, work: (item: T) => Promise<R>): Promise<{ item: T; result: () => R }> {
  try {
    const value = await work(item);
    return { item, result: () => value };
  } catch (error) {
    const rethrow = (): never => {
      throw error;
    };
    return { item, result: rethrow };
  }
}

/** Work in lanes: those of one lane one after the other, those of different lanes at once, up to a limit. */
export class Lanes {
  readonly #limit: number;
  readonly #busy = new Set<Promise<void>>();
  readonly #ends = new Map<string, Promise<void>>();
  readonly #errors: unknown[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Returns when there is room for more. */
  async start(lane: string, work: () => Promise<void>): Promise<void> {
    const before = this.#ends.get(lane) ?? Promise.resolve();
    const done = before
      .then(work)
      .catch((error: unknown) => void this.#errors.push(error))
      .finally(() => this.#busy.delete(done));
    this.#ends.set(lane, done);
    this.#busy.add(done);
    while (this.#busy.size >= this.#limit) await Promise.race(this.#busy);
  }

  /** Waits for everything; throws the first error. */
  async end(): Promise<void> {
    await Promise.all(this.#busy);
    if (this.#errors.length > 0) throw this.#errors[0];
  }
}
