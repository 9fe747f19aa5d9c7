// SPDX-License-Identifier: Apache-2.0
// life.ts — AssemblyScript: classes, arrays, strings and maps on its own garbage collector, in a game of life.
class Board {
  cells: Map<i32, bool> = new Map();
  constructor(public size: i32) {}
  key(x: i32, y: i32): i32 { return ((y + this.size) % this.size) * this.size + (x + this.size) % this.size; }
  alive(x: i32, y: i32): bool { return this.cells.has(this.key(x, y)); }
  next(): Board {
    const after = new Board(this.size);
    for (let y = 0; y < this.size; y++)
      for (let x = 0; x < this.size; x++) {
        let around = 0;
        for (let dy = -1; dy <= 1; dy++)
          for (let dx = -1; dx <= 1; dx++)
            if ((dx || dy) && this.alive(x + dx, y + dy)) around++;
        if (around == 3 || (around == 2 && this.alive(x, y))) after.cells.set(this.key(x, y), true);
      }
    return after;
  }
}

/** How many cells live after so many generations, and where, as a hash. */
export function life(size: i32, generations: i32): i64 {
  let board = new Board(size);
  for (let i = 0; i < size * size; i += 3 + (i * i) % 5) board.cells.set(i, true);
  for (let i = 0; i < generations; i++) board = board.next();
  const words: string[] = [];
  const keys = board.cells.keys().sort((a, b) => a - b);
  for (let i = 0; i < keys.length; i++) words.push(keys[i].toString());
  const text = words.join(",");
  let hash: i64 = keys.length;
  for (let i = 0; i < text.length; i++) hash = hash * 31 + text.charCodeAt(i);
  return hash;
}

/** Floats by way of strings. */
export function digits(n: f64): f64 { return parseFloat((n / 3).toString()) * 3; }
