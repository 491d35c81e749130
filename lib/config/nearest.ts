/** "Did you mean": the word that was likely meant. */

/** A hint for a message: the nearest known word when it is near, else all of them. */
export function nearest(word: string, known: readonly string[]): string {
  const [best] = known
    .map((item) => ({ item, distance: distance(word.toLowerCase(), item.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  if (best !== undefined && best.distance <= Math.max(2, word.length / 3)) return `did you mean ${best.item}?`;
  return known.length === 0 ? 'there is none' : `expected ${known.length === 1 ? '' : 'one of '}${known.join(', ')}`;
}

/** Levenshtein's: the fewest letters to put in, take out or change. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...from.slice(0, 100)].entries()) {
    let left = i + 1;
    const next = [left];
    for (const [j, other] of [...to].entries()) {
      left = Math.min((row[j] ?? 0) + (letter === other ? 0 : 1), (row[j + 1] ?? 0) + 1, left + 1);
      next.push(left);
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
