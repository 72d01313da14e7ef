import { readFileSync } from 'node:fs';
import TestSequencer from '@jest/test-sequencer';

const starts = /node:child_process|startProcess|startWorld|killedAt/;

/**
 * Runs tests that start processes first: they take longest, and one that starts last leaves the other cores idle. Jest
 * knows that only if it has run before; on a fresh checkout it sorts by file size.
 */
export default class ProcessesFirst extends TestSequencer {
  sort(tests) {
    const startsProcesses = new Map(tests.map(({ path }) => [path, starts.test(readFileSync(path, 'utf8'))]));
    return super.sort(tests).toSorted((a, b) => Number(startsProcesses.get(b.path)) - Number(startsProcesses.get(a.path)));
  }
}
