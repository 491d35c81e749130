/** Doing several things at once with results in order: what comes out does not depend on which was faster. */

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
