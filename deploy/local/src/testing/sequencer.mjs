import { readFileSync } from 'node:fs';
import TestSequencer from '@jest/test-sequencer';

const starts = /node:child_process|startProcess|startWorld|killedAt/;

/**
 * Spreads the files that start processes over the first two thirds of a run: each fills a core, while the others wait
 * for servers two fifths of their time. Together they would slow each other down, and one that begins last would end
 * alone. Jest knows what a file costs only if it has run before; on a fresh checkout it sorts by file size.
 */
export default class ProcessesApart extends TestSequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    const isHeavy = new Map(tests.map(({ path }) => [path, starts.test(readFileSync(path, 'utf8'))]));
    const heavy = sorted.filter(({ path }) => isHeavy.get(path));
    const light = sorted.filter(({ path }) => !isHeavy.get(path));
    const apart = Math.max(1, Math.floor((light.length * 2) / 3 / heavy.length));
    return [...light.flatMap((test, n) => (n % apart === 0 ? [...heavy.splice(0, 1), test] : [test])), ...heavy];
  }
}
